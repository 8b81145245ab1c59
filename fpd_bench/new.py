"""Begin a package of plugins of your own, outside of this tree, from one that works.

    python -m fpd_bench.new plugin glare
    pip install -e fpd-glare && fpd-bench sweep fpd-glare/glare.yaml

It holds an estimator, a method with settings of its own, a track, a metric and a sweep that uses them.
Exit code: 0 written, 2 the request is wrong.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fpd_bench.cli import Parser, leave
from fpd_bench.errors import FpdError

KINDS = ("plugin",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, call, print."""
    try:
        asked = parser().parse_args(arguments)
        from fpd_bench.files.plugin_template import write_plugin

        folder = write_plugin(asked.name, asked.into)
    except FpdError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"{folder}\nNext: pip install -e {folder} && fpd-bench sweep {folder}/{asked.name}.yaml")
    return 0


def parser() -> argparse.ArgumentParser:
    """Make the parser of this command."""
    form = argparse.RawDescriptionHelpFormatter
    made = Parser("python -m fpd_bench.new", description=__doc__, formatter_class=form)
    made.add_argument("kind", choices=KINDS, help="what to begin")
    made.add_argument("name", metavar="NAME", help="a short word in lower case, such as glare")
    made.add_argument("--into", type=Path, default=Path(), metavar="DIR", help="where to write fpd-NAME/ (default: .)")
    return made


if __name__ == "__main__":
    leave(main)
