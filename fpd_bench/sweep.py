"""Run a sweep: every cell of its tables that has no result yet.

    python -m fpd_bench.sweep sweeps/smoke.yaml --dry-run
    python -m fpd_bench.sweep sweeps/smoke.yaml
    python -m fpd_bench.sweep sweeps/table3.yaml seeds=[0,1] optim.steps=2000 executor.workers=4

The same command continues what was interrupted and runs what is missing. key=value is Hydra's override grammar:
profile=NAME, seeds=[0,1], executor=local|inline|slurm, executor.workers=N, and any field of fpd_bench/config/schema.py.
What it will cost: --dry-run plan.gpu=H100 plan.utilisation=0.35 (always with profile=paper), see docs/paper_scale.md.
On a cluster: executor=slurm executor.partition=P executor.timeout_min=240 execution.device=cuda, see docs/clusters.md.
Exit code: 0 all runs have a result, 1 some have not, 2 the request is wrong.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fpd_bench.cli import Parser, leave
from fpd_bench.errors import ConfigError, FpdError
from fpd_bench.store import address

if TYPE_CHECKING:
    from fpd_bench.config.spec import Sweep

RESULTS = Path("results")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, call, print."""
    try:
        url, rest = address.take(arguments)
        asked = _parser().parse_intermixed_args(rest)  # overrides may follow flags
        asked.url = url
        return _sweep(asked)
    except FpdError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = Parser("python -m fpd_bench.sweep", description=__doc__, formatter_class=form)
    parser.add_argument("file", help="the sweep, for example sweeps/smoke.yaml")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="fields to set, see above")
    parser.add_argument("--dry-run", action="store_true", help="say what would run, and stop")
    parser.add_argument("--detach", action="store_true", help="with executor=slurm: submit and leave")
    parser.add_argument("--cancel", action="store_true", help="take the sweep's runs back from their SLURM jobs")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="default: results")
    return parser


def _sweep(asked: argparse.Namespace) -> int:
    from fpd_bench.assets.published import rehearsal
    from fpd_bench.config.spec import load_sweep
    from fpd_bench.costs import report as costs
    from fpd_bench.costs.card import split_plan
    from fpd_bench.runs.execute import sweep_plan
    from fpd_bench.runs.execute.options import fitted
    from fpd_bench.runs.execute.preflight import check_machine
    from fpd_bench.runs.slurm import batch_sweep
    from fpd_bench.runs.watch import past_durations
    from fpd_bench.runs.watch.live_view import SweepView
    from fpd_bench.runs.watch.scores import run_score

    executor, overrides = sweep_plan.split_executor(asked.overrides)
    priced, overrides = split_plan(overrides)
    sweep = load_sweep(asked.file, overrides, here=not asked.dry_run)
    if asked.detach and executor.name != "slurm":
        raise ConfigError(f"--detach needs executor=slurm; the executor is '{executor.name}'.")
    if asked.cancel:
        print(batch_sweep.cancel(sweep, asked.results), file=sys.stderr)
        return 0
    executor = fitted(executor, [config.execution for config in sweep.runs().values()])
    note = batch_sweep.check(executor, sweep) if executor.name == "slurm" else ""
    if note:
        print(note, file=sys.stderr)
    plan = sweep_plan.plan(sweep, asked.results)
    print(f"{sweep.title}: {plan.sentence(len(sweep.cells))}", file=sys.stderr)
    if asked.dry_run:
        for run_id, state in plan.states.items():
            print(f"{run_id}  {state.state:<11}  {plan.labels[run_id]}")
        if executor.name == "slurm":
            print(batch_sweep.preview(plan, sweep, asked.results, executor))
        elif plan.todo:
            expected = past_durations.expect([sweep.runs()[run_id] for run_id in plan.todo], asked.results)
            print(f"\n{past_durations.told(expected, 1, 'hours of one worker')}")
        todo = {run_id: sweep.runs()[run_id] for run_id in plan.todo}
        if todo and (priced.gpu or sweep.profile == "paper"):
            print(costs.report(todo, plan.labels, priced))
        with rehearsal(print):
            load_sweep(asked.file, overrides)  # says what is missing on this machine
        check_machine(todo.values(), here=False)
        return 0
    _bring_up_to_date(asked)  # a wrong address is told before the work, not after it
    if plan.todo:
        check_machine([sweep.runs()[run_id] for run_id in plan.todo], here=executor.name != "slurm")
        sweep_plan.check_results(asked.results)
        if executor.name == "slurm":
            costs.refuse_too_big({run_id: sweep.runs()[run_id] for run_id in plan.todo}, plan.labels, priced)
        labels = {run_id: plan.labels[run_id] for run_id in plan.todo}

        def score(run_id: str) -> float | None:
            return run_score(sweep_plan.open_run(asked.results, run_id), sweep.metric)

        with SweepView(labels, lambda run_id: sweep_plan.open_run(asked.results, run_id), score) as view:
            if executor.name == "slurm":
                reason = batch_sweep.carry_out(sweep, plan.todo, asked.results, executor, view.tell, asked.detach)
            else:
                reason = sweep_plan.carry_out(sweep, plan.todo, asked.results, executor, view.tell)
        if reason:
            print(reason, file=sys.stderr)
        if executor.name == "slurm" and reason.endswith(batch_sweep.LATER):
            return 0
    return _conclude(asked, sweep)


def _conclude(asked: argparse.Namespace, sweep: "Sweep") -> int:
    from fpd_bench.costs.card import split_plan
    from fpd_bench.runs.execute import sweep_plan
    from fpd_bench.runs.watch.scores import render, row_scores

    _bring_up_to_date(asked)
    print(render(row_scores(sweep, lambda run_id: sweep_plan.open_run(asked.results, run_id)), sweep.metric))
    after = sweep_plan.plan(sweep, asked.results)
    missing = {run_id: state for run_id, state in after.states.items() if not state.has_result}
    for run_id, state in missing.items():
        print(f"{run_id} {after.labels[run_id]}: {state.state} {state.message}".rstrip(), file=sys.stderr)
    if missing:
        print(
            f"{len(missing)} of {len(after.states)} runs have no result. The same command continues.", file=sys.stderr
        )
        for run_id in [run_id for run_id, state in missing.items() if state.traceback][:1]:
            place = shlex.quote(str(asked.results))
            print(f"Details: python -m fpd_bench.status {run_id} --results {place}", file=sys.stderr)
        return 1
    words = [asked.file, *split_plan(sweep_plan.split_executor(asked.overrides)[1])[1]]
    words += [] if asked.results == RESULTS else ["--results", str(asked.results)]
    words += [f"store.url={address.shown(asked.url)}"] if asked.url else []
    print(f"Report: python -m fpd_bench.report {shlex.join(words)}", file=sys.stderr)
    return 0


def _bring_up_to_date(asked: argparse.Namespace) -> None:
    """The index, if the command line or FPD_STORE_URL names one; the report does so with the default one."""
    if asked.url:
        from fpd_bench.store.ingest import ingest

        os.environ.pop(address.VARIABLE, None)  # workers and jobs never open it
        for line in ingest(asked.results, asked.url).told():
            print(line, file=sys.stderr)


if __name__ == "__main__":
    leave(main)
