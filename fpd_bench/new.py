"""Begin a package of plugins of your own, outside of this tree, from one that works.

    python -m fpd_bench.new plugin glare
    pip install -e fpd-glare && fpd-bench sweep fpd-glare/glare.yaml

It holds an estimator, a method with settings of its own, a track, a metric and a sweep that uses them.
Exit code: 0 written, 2 the request is wrong.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from fpd_bench.cli import Parser, carry_out, leave

KINDS = ("plugin",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, call, print."""
    return carry_out(lambda: _new(parser().parse_args(arguments)))


def parser() -> argparse.ArgumentParser:
    """Make the parser of this command."""
    form = argparse.RawDescriptionHelpFormatter
    made = Parser("python -m fpd_bench.new", description=__doc__, formatter_class=form)
    made.add_argument("kind", choices=KINDS, help="what to begin")
    made.add_argument("name", metavar="NAME", help="a short word in lower case, such as glare")
    made.add_argument("--into", type=Path, default=Path(), metavar="DIR", help="where to write fpd-NAME/ (default: .)")
    return made


def _new(asked: argparse.Namespace) -> None:
    from fpd_bench.files.plugin_template import write_plugin

    folder = write_plugin(asked.name, asked.into)
    print(f"{folder}\nNext: pip install -e {folder} && fpd-bench sweep {folder}/{asked.name}.yaml")


if __name__ == "__main__":
    leave(main)
