"""Pack what a sweep's tables stand on into one file, and take such a file into the results of another machine.

    python -m fpd_bench.archive table3                       writes table3.fpd.tar.gz
    python -m fpd_bench.archive table3 profile=paper --out paper.fpd.tar.gz
    fpd-bench import table3.fpd.tar.gz                       into results/; then reports from there
    fpd-bench import table3.fpd.tar.gz --results elsewhere

It holds the configurations, scores, images, students and training logs of the runs that have a result, with a hash of
each file, and the sweep; no checkpoints. An archive is checked before anything of it is taken.
Exit code: 0 done, 2 the request is wrong.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from fpd_bench.cli import Parser, carry_out, leave, out_file

RESULTS = Path("results")
ENDING = ".fpd.tar.gz"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a sweep's runs into one file."""
    return carry_out(lambda: _pack(parser().parse_intermixed_args(arguments)))


def import_main(arguments: Sequence[str] | None = None) -> int:
    """Take an archive into the results."""
    return carry_out(lambda: _import(import_parser().parse_args(arguments)))


def parser() -> argparse.ArgumentParser:
    """Make the parser of `archive`."""
    form = argparse.RawDescriptionHelpFormatter
    made = Parser("python -m fpd_bench.archive", description=__doc__, formatter_class=form)
    made.add_argument("file", help="a sweep")
    made.add_argument("overrides", nargs="*", metavar="key=value", help="as given to the sweep")
    made.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="default: results")
    made.add_argument("--out", type=out_file, metavar="FILE", help=f"default: NAME{ENDING}")
    return made


def import_parser() -> argparse.ArgumentParser:
    """Make the parser of `import`."""
    form = argparse.RawDescriptionHelpFormatter
    made = Parser("fpd-bench import", description=__doc__, formatter_class=form)
    made.add_argument("archive", type=Path, metavar="ARCHIVE", help="written by fpd-bench archive")
    made.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="default: results")
    return made


def _pack(asked: argparse.Namespace) -> None:
    from fpd_bench.config.sweeps.spec import load_sweep
    from fpd_bench.runs.archive.pack import pack

    sweep = load_sweep(asked.file, asked.overrides)
    out = asked.out or Path(f"{sweep.path.stem}{ENDING}")
    packed, of = pack(sweep, asked.overrides, asked.results, out)
    print(f"{packed} of {of} runs have a result and were packed.", file=sys.stderr)
    print(out)


def _import(asked: argparse.Namespace) -> None:
    from fpd_bench.runs.archive.unpack import unpack

    found = unpack(asked.archive, asked.results)
    print(f"{len(found.taken)} runs taken, {len(found.there)} were here already.", file=sys.stderr)
    words = [str(found.sweep), *found.overrides]
    words += [] if asked.results == RESULTS else ["--results", str(asked.results)]
    print(f"fpd-bench report {shlex.join(words)}")


if __name__ == "__main__":
    leave(main)
