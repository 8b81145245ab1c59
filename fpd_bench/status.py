"""Where runs stand, or the history of one run. Reads files, and asks SLURM about runs in its jobs.

    python -m fpd_bench.status                              every run in results/
    python -m fpd_bench.status sweeps/smoke.yaml            those of a sweep, or of a search
    python -m fpd_bench.status sweeps/table3.yaml --watch   again every 5 seconds, until none is at work
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

from fpd_bench.cli import Parser, carry_out, leave, seconds
from fpd_bench.errors import ConfigError
from fpd_bench.store import address

if TYPE_CHECKING:
    from fpd_bench.runs.execute.sweep_plan import SweepPlan
    from fpd_bench.runs.watch.remembered_looks import RememberedLooks

WATCH_SECONDS = 5.0
RESULTS = Path("results")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, call what it asks for and print the answer; return the exit code."""
    return carry_out(lambda: _answer(arguments))


def parser() -> argparse.ArgumentParser:
    """Make the parser of this command."""
    form = argparse.RawDescriptionHelpFormatter
    made = Parser("python -m fpd_bench.status", description=__doc__, formatter_class=form)
    made.add_argument("what", nargs="?", help="a sweep file, or the beginning of a run id; default: every run")
    made.add_argument("overrides", nargs="*", metavar="key=value", help="as given to the sweep")
    made.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="default: results")
    made.add_argument("--json", action="store_true", help="one JSON object per run and line")
    made.add_argument("--failed", action="store_true", help="only the runs that something is wrong with")
    made.add_argument(
        "--watch",
        nargs="?",
        type=seconds,
        const=WATCH_SECONDS,
        metavar="SECONDS",
        help="print it again and again",
    )
    return made


def _answer(arguments: Sequence[str] | None) -> int:
    url, rest = address.take_url(arguments)
    asked = parser().parse_intermixed_args(rest)  # overrides may follow flags
    asked.url = url
    return _show_run(asked) if _is_run(asked.what) else _show_runs(asked)


def _show_run(asked: argparse.Namespace) -> int:
    """Print the state and the history of one run; return the exit code."""
    from fpd_bench.runs.folder.rundir import find_run
    from fpd_bench.runs.watch import status_table
    from fpd_bench.runs.watch.run_history import history_of_run
    from fpd_bench.runs.watch.state import state_of, with_scheduler_answers

    if asked.overrides:
        raise ConfigError(f"Overrides are for a sweep file, not for a run id; got {' '.join(asked.overrides)}.")
    if asked.watch:
        raise ConfigError("--watch works for a sweep file or for all runs, not for one run.")
    run = find_run(asked.results, asked.what)
    state = with_scheduler_answers({run.run_id: state_of(run)}, {run.run_id: run})[run.run_id]
    if asked.json:
        print(status_table.as_json({}, state))
    else:
        table = status_table.status_table({}, [state])
        said = f"note: {state.note}\n" if state.note else ""
        print(f"{table}\n{said}{state.message}\n{history_of_run(run)}\n{state.traceback}".rstrip())
    return int(status_table.any_trouble([state]))


def _show_runs(asked: argparse.Namespace) -> int:
    """Print a table of runs, once or until none is at work; return the exit code."""
    from fpd_bench.runs.watch import status_table
    from fpd_bench.runs.watch.remembered_looks import RememberedLooks

    if asked.results != RESULTS and not asked.results.is_dir():
        raise ConfigError(f"--results {asked.results} is not a folder.")
    looks = RememberedLooks(asked.results)
    make_plan = _plan_maker(asked, looks)

    def look() -> tuple[str, "SweepPlan"]:
        plan = make_plan()
        looks.keep()
        states = [state for state in plan.states.values() if status_table.any_trouble([state]) or not asked.failed]
        if asked.json:
            return "\n".join(status_table.as_json(plan.labels, state) for state in states), plan
        return status_table.status_table(plan.labels, states), plan

    if asked.watch:
        plan = status_table.watch_runs(look, asked.watch, time.sleep)
    else:
        text, plan = look()
        if not asked.json:
            print(plan.sentence(), file=sys.stderr)
        print(text, end="\n" if text else "")
    return int(status_table.any_trouble(plan.states.values()))


def _plan_maker(asked: argparse.Namespace, looks: "RememberedLooks") -> "Callable[[], SweepPlan]":
    """Return a function that looks at the runs that are asked for, and says where each stands."""
    from fpd_bench.config.searches.search_file import is_search
    from fpd_bench.config.sweeps.sweep_names import find_sweep
    from fpd_bench.runs.execute import sweep_plan
    from fpd_bench.runs.execute.options import split_executor

    if asked.what is None:
        return lambda: sweep_plan.plan_of_all_runs(asked.results, looks)
    asked.what = str(find_sweep(asked.what))
    if not Path(asked.what).exists() and not asked.what.endswith(".yaml"):
        raise ConfigError(
            f"'{asked.what}' is neither a sweep file nor the beginning of a run id, which is hexadecimal. All runs: "
            "python -m fpd_bench.status"
        )
    overrides = split_executor(asked.overrides)[1]
    if is_search(Path(asked.what)):
        return _plan_maker_of_search(asked, overrides, looks)
    from fpd_bench.config.sweeps.spec import load_sweep

    sweep = load_sweep(asked.what, overrides)
    return lambda: sweep_plan.plan_sweep(sweep_plan.drop_later_looks(sweep, asked.results), asked.results, looks.state)


def _plan_maker_of_search(
    asked: argparse.Namespace, overrides: list[str], looks: "RememberedLooks"
) -> "Callable[[], SweepPlan]":
    """Return a function that looks at the runs that a search has, which may be more at every look."""
    from fpd_bench.config.searches.search_spec import load_search
    from fpd_bench.runs.execute import sweep_plan
    from fpd_bench.searching.search_sweep import known_sweep
    from fpd_bench.searching.study_look import look

    search = load_search(asked.what, overrides)

    def planned_sweep() -> "SweepPlan":
        with look(search, asked.results, asked.url or address.default_url(asked.results)) as seen:
            return sweep_plan.plan_sweep(known_sweep(search, seen.trials, seen.best), asked.results, looks.state)

    return planned_sweep


def _is_run(what: str | None) -> bool:
    return what is not None and 1 <= len(what) <= 12 and set(what) <= set("0123456789abcdef")


if __name__ == "__main__":
    leave(main)
