"""Compare two runs: their configurations, the code that made them, their scores and their pictures.

    python -m fpd_bench.diff 3f9c 80a1
    python -m fpd_bench.diff 3f9c 80a1 --out both.png
    python -m fpd_bench.diff 3f9c 80a1 --results /shared/results

Two runs say little: `report` has intervals and tests. Exit code: 0 compared, 2 the request is wrong.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from fpd_bench.cli import Parser, carry_out, leave, out_file

RESULTS = Path("results")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, call, print."""
    return carry_out(lambda: _diff(parser().parse_args(arguments)))


def parser() -> argparse.ArgumentParser:
    """Make the parser of this command."""
    form = argparse.RawDescriptionHelpFormatter
    made = Parser("python -m fpd_bench.diff", description=__doc__, formatter_class=form)
    made.add_argument("run", metavar="RUN", help="the beginning of a run id")
    made.add_argument("other", metavar="RUN", help="that of another run")
    made.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="default: results")
    made.add_argument(
        "--out", type=lambda text: out_file(text, ".png"), metavar="PNG", help="default: DIR/pictures/diff_RUN_RUN.png"
    )
    return made


def _diff(asked: argparse.Namespace) -> None:
    from fpd_bench.runs.folder.rundir import find_run
    from fpd_bench.runs.watch import run_difference as difference

    one, other = (find_run(asked.results, name) for name in (asked.run, asked.other))
    out = asked.out or asked.results / "pictures" / f"diff_{one.run_id}_{other.run_id}.png"
    out.unlink(missing_ok=True)
    for title, lines in (
        ("configuration", difference.configuration(one, other)),
        ("code and machine", difference.code(one, other)),
        ("scores", difference.scores(one, other)),
    ):
        print(f"{title}:{'' if lines else ' no difference' if title != 'scores' else ' none'}")
        widths = [max((len(line[n]) for line in lines), default=0) for n in (0, 1)]
        for what, here, there in lines:
            print(f"  {what:<{widths[0]}}  {here:<{widths[1]}}  {there}")
    print("\n  ".join(["pictures:", *(difference.pictures(one, other, out) or ["no suite that both have images of"])]))


if __name__ == "__main__":
    leave(main)
