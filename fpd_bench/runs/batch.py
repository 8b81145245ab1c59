"""A sweep on SLURM, in words: the plan, the hand-over, and how to come back or to cancel. Needs no torch."""

from pathlib import Path

from fpd_bench.config.spec import Sweep
from fpd_bench.errors import ConfigError
from fpd_bench.runs import launch, past, scheduler
from fpd_bench.runs.executor import Executor
from fpd_bench.runs.failures import Patience
from fpd_bench.runs.following import cancel_runs, run_slurm
from fpd_bench.runs.local import Tell
from fpd_bench.runs.rundir import RunDir
from fpd_bench.runs.sweeping import Plan, open_run

LATER = (
    "The jobs go on. The same command follows them again, python -m fpd_bench.status shows them, "
    "the same command with --cancel takes them back."
)


def check(executor: Executor, sweep: Sweep) -> None:
    """Raises ConfigError or UnknownName if this cluster cannot take the jobs, or the jobs lack cards or cores."""
    scheduler.check(executor.partition)
    for execution in (config.execution for config in sweep.runs().values()):
        what, given = ("gpus", executor.gpus) if execution.device.startswith("cuda") else ("cpus", executor.cpus)
        if execution.processes > max(given, 1):
            raise ConfigError(
                f"execution.processes={execution.processes} on {execution.device} needs as many in one job; "
                f"executor.{what} is {given}. Write executor.{what}={execution.processes}."
            )


def preview(plan: Plan, sweep: Sweep, results: Path, executor: Executor) -> str:
    """What would be submitted: jobs, what they are expected to cost and can cost, the head of the batch file."""
    free = [run_id for run_id in plan.todo if plan.states[run_id].state not in ("running", "queued")]
    jobs = -(-len(free) // executor.cells_per_job)
    if not jobs:
        return "\nNothing to submit."
    devices, unit = (executor.gpus, "GPU-hours") if executor.gpus else (executor.cpus, "core-hours")
    most = f"{jobs * executor.timeout_min / 60 * devices:.1f} {unit}"
    arrays = -(-jobs // launch.array_size(executor))
    said = f"To submit: {len(free)} runs in {jobs} jobs in {arrays} arrays; at most {most} before a requeue."
    expected = past.expect([sweep.runs()[run_id] for run_id in free], results)
    return f"\n{said}\n{past.told(expected, devices, unit)}\n\n{launch.header(results, executor, jobs)}"


def carry_out(sweep: Sweep, todo: list[str], results: Path, executor: Executor, tell: Tell, detach: bool) -> str:
    """Submit what nobody has, and follow the jobs unless told to `detach`. Gives what to say at an early end."""
    configs, patience = sweep.runs(), Patience(executor.max_identical_failures)
    runs = [RunDir.create(results, configs[name]) for name in todo]
    submitted, ended = run_slurm(runs, results, executor, tell, patience, detach)
    if ended:
        return patience.reason
    return f"{submitted} of {len(runs)} runs submitted, the others have a job already. {LATER}"


def cancel(sweep: Sweep, results: Path) -> str:
    """Cancel the jobs of the sweep's runs."""
    taken = cancel_runs([open_run(results, name) for name in sweep.runs()])
    return f"{taken} runs taken back from their jobs. Checkpoints stay; the sweep's command continues them."
