"""Where the runs of a sweep stand, or the story of one run. Reads files, and asks SLURM about runs in its jobs.

    python -m fpd_bench.status sweeps/smoke.yaml
    python -m fpd_bench.status sweeps/table3.yaml seeds=[0,1] --json
    python -m fpd_bench.status sweeps/table3.yaml --failed
    python -m fpd_bench.status 3f9c0a1b2d4e

Exit code: 0 nothing is wrong, 1 some runs failed, lost their process or are corrupt, 2 the request is wrong.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from fpd_bench.errors import ConfigError, FpdError

if TYPE_CHECKING:
    from fpd_bench.runs.state import RunState


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, call, print."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m fpd_bench.status", description=__doc__, formatter_class=form)
    parser.add_argument("what", help="a sweep file, or the beginning of a run id")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="as given to the sweep")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    parser.add_argument("--json", action="store_true", help="one JSON object per run and line")
    parser.add_argument("--failed", action="store_true", help="only the runs that something is wrong with")
    asked = parser.parse_args(arguments)
    try:
        return _status(asked)
    except FpdError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _status(asked: argparse.Namespace) -> int:
    from fpd_bench.config.spec import load_sweep
    from fpd_bench.runs import sweeping
    from fpd_bench.runs.rundir import find
    from fpd_bench.runs.state import TROUBLE, state_of, with_scheduler
    from fpd_bench.runs.story import story

    if _is_run(asked.what):
        if asked.overrides:
            raise ConfigError(f"A run id takes no overrides; got {' '.join(asked.overrides)}.")
        run = find(asked.results, asked.what)
        labels, states = {run.run_id: ""}, with_scheduler({run.run_id: state_of(run)}, {run.run_id: run})
    else:
        sweep = load_sweep(asked.what, sweeping.split_executor(asked.overrides)[1])
        plan = sweeping.plan(sweep, asked.results)
        labels, states = plan.labels, plan.states
        if not asked.json:
            print(plan.sentence(len(sweep.cells)), file=sys.stderr)
    for run_id, state in states.items():
        if asked.failed and state.state not in TROUBLE:
            continue
        print(json.dumps({"label": labels[run_id]} | asdict(state)) if asked.json else _line(labels[run_id], state))
    if _is_run(asked.what) and not asked.json:
        print(story(find(asked.results, asked.what)))
    if len(states) == 1 and not asked.json and next(iter(states.values())).traceback:
        print(next(iter(states.values())).traceback)
    return 1 if any(state.state in TROUBLE for state in states.values()) else 0


def _is_run(what: str) -> bool:
    return not what.endswith((".yaml", ".yml")) and 1 <= len(what) <= 12 and set(what) <= set("0123456789abcdef")


def _line(label: str, state: "RunState") -> str:
    from fpd_bench.runs.view import duration

    running = state.state in ("running", "stale", "interrupted", "failed")
    step = f"{state.stage} {state.step}/{state.steps}" if running and state.steps else ""
    left = f"{duration(state.eta_s)} left" if state.state == "running" and state.eta_s is not None else ""
    parts = [state.run_id, f"{state.state:<11}", f"{label:<32}", f"{step:<18}", left, state.message]
    return "  ".join(part for part in parts if part.strip() or part is parts[1]).rstrip()


if __name__ == "__main__":
    sys.exit(main())
