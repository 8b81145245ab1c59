"""Where runs stand, or the story of one run. Reads files, and asks SLURM about runs in its jobs.

    python -m fpd_bench.status                              every run in results/
    python -m fpd_bench.status sweeps/smoke.yaml            those of a sweep
    python -m fpd_bench.status sweeps/table3.yaml --watch   anew every 5 seconds, until none is at work
    python -m fpd_bench.status sweeps/table3.yaml seeds=[0,1] --json
    python -m fpd_bench.status sweeps/table3.yaml --failed
    python -m fpd_bench.status 3f9c0a1b2d4e                 one run: attempts, stages, failures, end of its log

Exit code: 0 nothing is wrong, 1 some runs failed, lost their process or are corrupt, 2 the request is wrong.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fpd_bench.cli import Parser, leave
from fpd_bench.errors import ConfigError, FpdError
from fpd_bench.store import address

if TYPE_CHECKING:
    from fpd_bench.runs.execute.sweep_plan import SweepPlan

WATCH_SECONDS = 5.0
RESULTS = Path("results")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, call, print."""
    try:
        asked = _parser().parse_intermixed_args(address.take(arguments)[1])  # overrides may follow flags
        return _one(asked) if _is_run(asked.what) else _many(asked)
    except FpdError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = Parser("python -m fpd_bench.status", description=__doc__, formatter_class=form)
    parser.add_argument("what", nargs="?", help="a sweep file, or the beginning of a run id; default: every run")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="as given to the sweep")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="default: results")
    parser.add_argument("--json", action="store_true", help="one JSON object per run and line")
    parser.add_argument("--failed", action="store_true", help="only the runs that something is wrong with")
    parser.add_argument(
        "--watch", nargs="?", type=_seconds, const=WATCH_SECONDS, metavar="SECONDS", help="look again and again"
    )
    return parser


def _one(asked: argparse.Namespace) -> int:
    """The story of one run."""
    from fpd_bench.runs.folder.rundir import find
    from fpd_bench.runs.watch import status_table
    from fpd_bench.runs.watch.run_story import story
    from fpd_bench.runs.watch.state import state_of, with_scheduler

    if asked.overrides:
        raise ConfigError(f"A run id takes no overrides; got {' '.join(asked.overrides)}.")
    if asked.watch:
        raise ConfigError("--watch is for a sweep or for all runs.")
    run = find(asked.results, asked.what)
    state = with_scheduler({run.run_id: state_of(run)}, {run.run_id: run})[run.run_id]
    if asked.json:
        print(status_table.as_json({}, state))
    else:
        print(f"{status_table.table({}, [state])}\n{state.message}\n{story(run)}\n{state.traceback}".rstrip())
    return int(status_table.troubled([state]))


def _many(asked: argparse.Namespace) -> int:
    """A table of runs, once or until none is at work."""
    from fpd_bench.runs.watch import status_table

    if asked.results != RESULTS and not asked.results.is_dir():
        raise ConfigError(f"--results {asked.results} is not a folder.")
    look = _looker(asked)

    def shown() -> tuple[str, "SweepPlan"]:
        plan = look()
        states = [state for state in plan.states.values() if status_table.troubled([state]) or not asked.failed]
        if asked.json:
            return "\n".join(status_table.as_json(plan.labels, state) for state in states), plan
        return status_table.table(plan.labels, states), plan

    if asked.watch:
        plan = status_table.watch(shown, asked.watch, time.sleep)
    else:
        text, plan = shown()
        if not asked.json:
            print(plan.sentence(), file=sys.stderr)
        print(text, end="\n" if text else "")
    return int(status_table.troubled(plan.states.values()))


def _looker(asked: argparse.Namespace) -> "Callable[[], SweepPlan]":
    """What looks at the runs that are asked for."""
    from fpd_bench.runs.execute import sweep_plan
    from fpd_bench.runs.execute.options import split_executor

    if asked.what is None:
        return lambda: sweep_plan.everything(asked.results)
    if not Path(asked.what).exists() and not asked.what.endswith(".yaml"):
        raise ConfigError(
            f"'{asked.what}' is neither a sweep file nor the beginning of a run id, which is hexadecimal. All runs: "
            "python -m fpd_bench.status"
        )
    from fpd_bench.config.spec import load_sweep

    sweep = load_sweep(asked.what, split_executor(asked.overrides)[1])
    return lambda: sweep_plan.plan(sweep, asked.results)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"must be 0.1 to 3600 seconds; got {text}")
    return value


def _is_run(what: str | None) -> bool:
    return what is not None and 1 <= len(what) <= 12 and set(what) <= set("0123456789abcdef")


if __name__ == "__main__":
    leave(main)
