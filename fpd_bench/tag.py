"""Give runs tags and a note: one run, or all runs that a sweep has here. They are kept in the runs' own folders.

    python -m fpd_bench.tag 3f9c +promising --note "the first with a clean circle"
    python -m fpd_bench.tag table3 +camera-ready
    python -m fpd_bench.tag table3 seeds=[0,1] -promising
    python -m fpd_bench.tag 3f9c                        what has been said of it

`status` shows tags, `report --tag TAG` takes only the runs that have one. No number depends on them.
Exit code: 0 done, 2 the request is wrong.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fpd_bench.cli import Parser, carry_out, leave
from fpd_bench.errors import ConfigError
from fpd_bench.records import layout

if TYPE_CHECKING:
    from fpd_bench.runs.folder.rundir import RunDir

RESULTS = Path("results")
REMOVE = re.compile(r"-(?!h$)[^-].*")  # -tag, which argparse would take for an option


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, call, print."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    removed = [word for word in words if REMOVE.fullmatch(word)]
    kept = [word for word in words if word not in removed]
    return carry_out(lambda: _tag(parser().parse_intermixed_args(kept), [word[1:] for word in removed]))


def parser() -> argparse.ArgumentParser:
    """Make the parser of this command."""
    form = argparse.RawDescriptionHelpFormatter
    made = Parser("python -m fpd_bench.tag", description=__doc__, formatter_class=form)
    made.add_argument("what", help="the beginning of a run id, or a sweep")
    made.add_argument("overrides", nargs="*", metavar="+TAG -TAG key=value", help="tags, and overrides of the sweep")
    made.add_argument("--note", metavar="TEXT", help="a sentence; '' takes it away")
    made.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="default: results")
    return made


def _tag(asked: argparse.Namespace, removed: list[str]) -> None:
    from fpd_bench.runs.folder import notes

    added = [word[1:] for word in asked.overrides if word.startswith("+")]
    overrides = [word for word in asked.overrides if not word.startswith("+")]
    strange = next((word for word in overrides if "=" not in word), None)
    if strange is not None:
        raise ConfigError(f"'{strange}' is neither +TAG nor -TAG nor key=value. To add a tag, write +{strange}.")
    for run in _runs(asked, overrides):
        said = notes.change(run, added, removed, asked.note)
        print(f"{run.run_id}  {' '.join(said.tags) or '(no tags)'}{f'  {said.note}' if said.note else ''}")


def _runs(asked: argparse.Namespace, overrides: list[str]) -> "list[RunDir]":
    """Open the run, or those runs of the sweep that are here. Raises ConfigError."""
    from fpd_bench.runs.folder.rundir import find_run

    if layout.is_run_id_prefix(asked.what) and not Path(asked.what).exists():
        return [find_run(asked.results, asked.what)]
    from fpd_bench.config.sweeps.spec import load_sweep
    from fpd_bench.runs.execute.sweep_plan import open_run

    runs = [open_run(asked.results, name) for name in load_sweep(asked.what, overrides).runs()]
    here = [run for run in runs if run.path.is_dir()]
    if not here:
        raise ConfigError(f"None of the {len(runs)} runs of '{asked.what}' is in '{asked.results}' so far.")
    return here


if __name__ == "__main__":
    leave(main)
