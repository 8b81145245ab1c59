"""Run a sweep: every cell of its tables that has no result yet.

    python -m fpd_bench.sweep sweeps/smoke.yaml --dry-run
    python -m fpd_bench.sweep sweeps/smoke.yaml
    python -m fpd_bench.sweep sweeps/table3.yaml seeds=[0,1] optim.steps=2000 executor.workers=4

The same command continues what was interrupted and runs what is missing. key=value is Hydra's override grammar:
profile=NAME, seeds=[0,1], executor=local|inline|slurm, executor.workers=N, and any field that `--fields` lists
(`--fields drift`: of that group).
What it will cost: --dry-run plan.gpu=H100 plan.utilisation=0.35 (always with profile=paper), see docs/paper_scale.md.
Equal training cost instead of equal steps: budget=flops or budget=seconds, see docs/budgets.md.
On a cluster: executor=slurm executor.partition=P executor.timeout_min=240 execution.device=cuda, see docs/clusters.md.
Exit code: 0 all runs have a result, 1 some have not, 2 the request is wrong, 130 Ctrl-C stopped it.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fpd_bench.cli import Parser, carry_out, leave
from fpd_bench.errors import ConfigError
from fpd_bench.records import layout
from fpd_bench.store import address

if TYPE_CHECKING:
    from fpd_bench.config.sweeps.spec import Sweep
    from fpd_bench.costs.gpu_choice import PlanRequest
    from fpd_bench.runs.execute.executor import Executor
    from fpd_bench.runs.execute.sweep_plan import SweepPlan

RESULTS = Path("results")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, do what it asks for and print the answer; return the exit code."""
    return carry_out(lambda: _answer(arguments))


def parser() -> argparse.ArgumentParser:
    """Make the parser of this command."""
    form = argparse.RawDescriptionHelpFormatter
    made = Parser("python -m fpd_bench.sweep", description=__doc__, formatter_class=form)
    made.add_argument("file", nargs="?", help="the sweep, for example smoke or sweeps/smoke.yaml")
    made.add_argument("overrides", nargs="*", metavar="key=value", help="fields to set, see above")
    made.add_argument("--dry-run", action="store_true", help="say what would run, and stop")
    made.add_argument("--fields", nargs="?", const="", metavar="GROUP", help="list all fields, or those of a group")
    made.add_argument("--price", action="store_true", help="write what a step of each row costs, for budget=, and end")
    made.add_argument("--detach", action="store_true", help="with executor=slurm: submit and leave")
    made.add_argument("--cancel", action="store_true", help="take the sweep's runs, or RUN, back from SLURM's jobs")
    made.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="default: results")
    return made


def _answer(arguments: Sequence[str] | None) -> int:
    url, rest = address.take_url(arguments)
    asked = parser().parse_intermixed_args(rest)  # overrides may follow flags
    asked.url = url
    if asked.fields is not None:
        return _fields(asked.fields)
    if asked.file is None:
        raise ConfigError("Name a sweep file, for example: python -m fpd_bench.sweep sweeps/smoke.yaml --dry-run")
    return _sweep(asked)


def _fields(group: str) -> int:
    from fpd_bench.config.describe import list_fields

    print(list_fields(group or None))
    return 0


def _sweep(asked: argparse.Namespace) -> int:
    from fpd_bench.config.sweeps.spec import load_sweep
    from fpd_bench.costs.gpu_choice import split_plan
    from fpd_bench.runs.execute import sweep_plan
    from fpd_bench.runs.execute.executor import choose_executor
    from fpd_bench.runs.execute.options import split_executor

    if asked.cancel and layout.is_run_id_prefix(asked.file) and not Path(asked.file).exists():
        from fpd_bench.runs.execute.cancel_run import cancel_run

        print(cancel_run(asked.results, asked.file), file=sys.stderr)
        return 0
    options, overrides = split_executor(asked.overrides)
    priced, asked.overrides = split_plan(overrides)
    sweep = load_sweep(asked.file, asked.overrides)
    if asked.price:
        return _price(asked, sweep)
    executor = choose_executor(options, sweep)
    if asked.cancel:
        print(executor.cancel(sweep, asked.results), file=sys.stderr)
        return 0
    _say(executor.check(sweep, asked.detach))
    if asked.dry_run:
        return _dry_run(asked, sweep, executor, priced)
    _bring_up_to_date(asked, sweep)  # a wrong address is refused before the work, not after it
    while True:
        now = _asked_by_now(asked, sweep)
        plan = sweep_plan.plan_sweep(now, asked.results)
        print(f"{sweep.title}: {plan.sentence(len(now.cells))}{_at_look(now, sweep)}", file=sys.stderr)
        if not plan.ids_to_do:
            return _conclude(asked, now)
        code = _work(asked, now, plan, executor, priced)
        if code is not None:
            return code
        if not sweep.looks or sweep_plan.plan_sweep(now, asked.results).missing:
            return _conclude(asked, now)
        _bring_up_to_date(asked, sweep)


def _price(asked: argparse.Namespace, sweep: "Sweep") -> int:
    from fpd_bench.costs.pricing import write_prices

    print(f"Written: {write_prices(sweep, asked.results)}", file=sys.stderr)
    return 0


def _asked_by_now(asked: argparse.Namespace, sweep: "Sweep") -> "Sweep":
    """Drop the seeds that no open claim has asked for, in a sweep with looks."""
    if not sweep.looks:
        return sweep
    from fpd_bench.reporting import open_claims
    from fpd_bench.store.query import Store

    if not asked.url and not (asked.results / layout.INDEX).is_file():
        return open_claims.asked_for(sweep, None)
    with Store(asked.results, asked.url) as store:
        return open_claims.asked_for(sweep, store)


def _at_look(now: "Sweep", sweep: "Sweep") -> str:
    """Say how many runs may follow, in a sweep with looks."""
    rest = len(sweep.runs()) - len(now.runs())
    return f"; up to {rest} more if claims stay open" if rest else ""


def _dry_run(asked: argparse.Namespace, full_sweep: "Sweep", executor: "Executor", priced: "PlanRequest") -> int:
    """Say what would run, what it would cost, and what is missing on this machine."""
    from fpd_bench.assets.missing import refuse
    from fpd_bench.costs import plan_report as costs
    from fpd_bench.costs import runs_of_looks
    from fpd_bench.runs.execute import sweep_plan
    from fpd_bench.runs.execute.preflight import check_machine, missing_files

    sweep = _asked_by_now(asked, full_sweep)
    plan = sweep_plan.plan_sweep(sweep, asked.results)
    print(f"{sweep.title}: {plan.sentence(len(sweep.cells))}{_at_look(sweep, full_sweep)}", file=sys.stderr)
    print(plan.table(), end="")
    if full_sweep.looks:
        print(runs_of_looks.count(full_sweep).sentence(full_sweep))
    text = executor.preview(sweep, plan, asked.results)
    print(text, end="\n" if text else "")
    todo = plan.configs_to_do(sweep)
    if todo and (priced.gpu or sweep.profile == "paper"):
        print(costs.report(todo, plan.labels, priced))
    lacking = missing_files(todo.values())
    for one in lacking:
        print(one.message)
    refuse(lacking)
    check_machine(todo.values(), here=False)
    return 0


def _work(
    asked: argparse.Namespace, sweep: "Sweep", plan: "SweepPlan", executor: "Executor", priced: "PlanRequest"
) -> int | None:
    """Carry out what is to do; return the exit code if that ends the command, else None."""
    from fpd_bench.assets.missing import provide
    from fpd_bench.costs import plan_report as costs
    from fpd_bench.runs.execute import sweep_plan
    from fpd_bench.runs.execute.preflight import check_machine, missing_files
    from fpd_bench.runs.folder.stop_signals import stop_flag
    from fpd_bench.runs.watch.live_view import SweepView

    todo = plan.configs_to_do(sweep)
    provide(missing_files(todo.values()))
    check_machine(todo.values(), here=executor.here)
    sweep_plan.check_results(asked.results)
    if not executor.here:  # what does not fit is refused before anything is queued
        costs.refuse_too_big(todo, plan.labels, priced)
    with stop_flag() as stop, SweepView(todo, plan.labels, asked.results, sweep.metric, stop) as display:
        ending = executor.carry_out(sweep, plan.ids_to_do, asked.results, display.tell, asked.detach)
    if stop.signal:
        _say(ending.message or sweep_plan.plan_sweep(sweep, asked.results).stopped_text())
        return 128 + stop.signal  # as shells count
    _say(ending.message)
    return 0 if ending.under_way else None


def _conclude(asked: argparse.Namespace, sweep: "Sweep") -> int:
    """Print the scores, and what has no result or how to make the report."""
    from fpd_bench.runs.execute import sweep_plan
    from fpd_bench.runs.watch.row_scores import render_scores, row_scores

    _bring_up_to_date(asked, sweep)
    print(render_scores(row_scores(sweep, lambda run_id: sweep_plan.open_run(asked.results, run_id)), sweep.metric))
    after = sweep_plan.plan_sweep(sweep, asked.results)
    if after.missing:
        _say(after.missing_text(asked.results))
        return 1
    words = [asked.file, *asked.overrides]
    words += [] if asked.results == RESULTS else ["--results", str(asked.results)]
    words += [f"store.url={address.without_password(asked.url)}"] if asked.url else []
    _say(f"Report: python -m fpd_bench.report {shlex.join(words)}")
    return 0


def _say(text: str) -> None:
    """Print a message to stderr, where it does not mix with results; nothing for ''."""
    print(text, end="\n" if text else "", file=sys.stderr)


def _bring_up_to_date(asked: argparse.Namespace, sweep: "Sweep") -> None:
    """Read the results into the index, if the command line or FPD_STORE_URL names one or the seeds depend on it.

    The report does so in any case.
    """
    if asked.url or (sweep.looks and (asked.results / layout.RUNS).is_dir()):
        from fpd_bench.store.ingest import ingest

        os.environ.pop(address.VARIABLE, None)  # workers and jobs never open it
        for line in ingest(asked.results, asked.url).set_aside_lines():
            print(line, file=sys.stderr)


if __name__ == "__main__":
    leave(main)
