"""Pack what a sweep's tables stand on into one file, and take such a file into the results of another machine.

    python -m fpd_bench.archive table3                       writes table3.fpd.tar.gz
    python -m fpd_bench.archive table3 profile=paper --out paper.fpd.tar.gz
    fpd-bench import table3.fpd.tar.gz                       into results/; then reports from there
    fpd-bench import table3.fpd.tar.gz --results elsewhere
    fpd-bench import reports/evidence                        the runs behind committed tables, to go on from there

An archive holds the configurations, scores, images, students and training logs of the runs that have a result, with a
hash of each file, and the sweep; no checkpoints. It is checked before anything of it is taken.
A folder of evidence (report --evidence) brings the scores and the images that pages show, without students: a table
gets more seeds, or a row of yours, and what it has is not trained again.
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
    made.add_argument(
        "archive", type=Path, metavar="ARCHIVE", help="written by fpd-bench archive; or a folder of report --evidence"
    )
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

    if asked.archive.is_dir():
        _import_evidence(asked.archive, asked.results)
        return
    found = unpack(asked.archive, asked.results)
    print(f"{len(found.taken)} runs taken, {len(found.there)} were here already.", file=sys.stderr)
    print(_command("report", [str(found.sweep), *found.overrides], asked.results))


def _import_evidence(folder: Path, results: Path) -> None:
    """Take the runs of a folder of evidence, or of those in it; print how each sweep goes on."""
    from fpd_bench.runs.archive.from_evidence import take
    from fpd_bench.store import evidence

    for part in evidence.folders(folder):
        found = evidence.read(part)
        taken, there, older = take(found.tables(), part, results)
        print(f"{part.name}: {len(taken)} runs taken, {len(there)} were here already.", file=sys.stderr)
        if older:
            print(
                f"{part.name}: {len(older)} left out, such as {older[0]}: the code that they depend on has changed "
                "since, so the sweep trains them anew.",
                file=sys.stderr,
            )
        print(_command("sweep", [found.file, *found.overrides], results))


def _command(verb: str, words: list[str], results: Path) -> str:
    return f"fpd-bench {verb} " + shlex.join(words + ([] if results == RESULTS else ["--results", str(results)]))


if __name__ == "__main__":
    leave(main)
