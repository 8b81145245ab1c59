"""A sweep on SLURM, in words: the plan, the hand-over, and how to come back or to cancel. Needs no torch."""

from pathlib import Path

from fpd_bench.config.spec import Sweep
from fpd_bench.errors import ConfigError
from fpd_bench.runs.execute.local import Tell
from fpd_bench.runs.execute.options import Executor, asks_sbatch, gpus_of
from fpd_bench.runs.execute.sweep_plan import Plan, open_run
from fpd_bench.runs.folder import submissions
from fpd_bench.runs.folder.failures import Patience
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.slurm import scheduler, submit
from fpd_bench.runs.slurm.follow import cancel_runs, run_slurm
from fpd_bench.runs.watch import past_durations

LATER = (
    "The jobs go on. The same command follows them again, python -m fpd_bench.status shows them, "
    "the same command with --cancel takes them back."
)


def check(executor: Executor, sweep: Sweep) -> str:
    """Raises ConfigError or UnknownName if this cluster cannot take the jobs, or the jobs lack GPUs or cores; gives
    what the user should hear, such as of GPUs held for nothing. The executor is `fitted` to the runs."""
    scheduler.check(executor.partition, executor.sbatch)
    executions, gpus = [config.execution for config in sweep.runs().values()], executor.gpus or 0
    on_gpus = [execution for execution in executions if gpus_of(execution)]
    if on_gpus and not gpus and not asks_sbatch(executor):
        raise ConfigError(
            f"execution.device={on_gpus[0].device}, but executor.gpus=0 gives a job no GPU. Leave executor.gpus out, "
            "or write execution.device=cpu. "
            "If jobs have one without asking: executor.sbatch.gres=none."
        )
    for execution in executions:
        on_gpu = execution in on_gpus
        what, given = ("gpus", gpus) if on_gpu else ("cpus", executor.cpus)
        if execution.processes > given and not (on_gpu and asks_sbatch(executor)):
            raise ConfigError(
                f"execution.processes={execution.processes} on {execution.device} needs as many in one job; "
                f"executor.{what} is {given}. Write executor.{what}={execution.processes}."
            )
    if gpus and not on_gpus:
        return (
            f"executor.gpus={gpus}, but all runs have execution.device=cpu: a job holds a GPU and computes on the CPU. "
            "Add execution.device=cuda, or leave executor.gpus out."
        )
    return ""


def preview(plan: Plan, sweep: Sweep, results: Path, executor: Executor) -> str:
    """What would be submitted: jobs, what they are expected to cost and can cost, the head of the batch file."""
    free = [run_id for run_id in plan.todo if plan.states[run_id].state not in ("running", "queued")]
    jobs = -(-len(free) // executor.cells_per_job)
    if not jobs:
        return "\nNothing to submit."
    devices, unit = (executor.gpus, "GPU-hours") if executor.gpus else (executor.cpus, "core-hours")
    if asks_sbatch(executor):  # for how many, the site knows
        devices, unit = 1, "job-hours"
    most = f"{jobs * executor.timeout_min / 60 * devices:.1f} {unit}"
    arrays = -(-jobs // submit.array_size(executor))
    said = f"To submit: {len(free)} runs in {jobs} jobs in {arrays} arrays; at most {most} before a requeue."
    expected = past_durations.expect([sweep.runs()[run_id] for run_id in free], results)
    return f"\n{said}\n{past_durations.told(expected, devices, unit)}\n\n{submit.header(results, executor, jobs)}"


def carry_out(sweep: Sweep, todo: list[str], results: Path, executor: Executor, tell: Tell, detach: bool) -> str:
    """Submit what nobody has, and follow the jobs unless told to `detach`. Gives what to say at an early end."""
    configs, patience = sweep.runs(), Patience(executor.max_identical_failures)
    runs = [RunDir.create(results, configs[name]) for name in todo]
    submitted, ended = run_slurm(runs, results, executor, tell, patience, detach)
    if ended:
        return patience.reason
    in_jobs = sum(submissions.read(run) is not None for run in runs)
    if not (submitted or in_jobs):
        return "Stopped before sbatch took a run."
    return f"{submitted} of {len(runs)} runs submitted, {in_jobs} are in jobs. {LATER}"


def cancel(sweep: Sweep, results: Path) -> str:
    """Cancel the jobs of the sweep's runs. Raises ConfigError, with the command, if SLURM would not, or if a run's
    record speaks of a job that is not ours."""
    back = cancel_runs([open_run(results, name) for name in sweep.runs()])
    said = f"{back.taken} runs taken back from their jobs. Checkpoints stay; the sweep's command continues them."
    if back.refused:
        jobs = " ".join(back.refused)
        raise ConfigError(
            f"scancel failed: {len(back.refused)} jobs may go on. Once SLURM answers, run: scancel {jobs}"
        )
    if back.odd:
        raise ConfigError("\n".join([said, *(f"Run {run_id}: {why}." for run_id, why in sorted(back.odd.items()))]))
    return said
