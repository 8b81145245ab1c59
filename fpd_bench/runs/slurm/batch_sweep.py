"""The executor `slurm`: do jobs suit the runs, what would they cost, the hand-over, the way back. Needs no torch."""

from pathlib import Path

from fpd_bench.config.schema import ExecutionConfig
from fpd_bench.config.sweeps.spec import Sweep
from fpd_bench.errors import ConfigError
from fpd_bench.records.run_status import ALIVE
from fpd_bench.runs.execute.executor import Ending, Tell
from fpd_bench.runs.execute.options import ExecutorOptions, asks_sbatch, gpus_of_run
from fpd_bench.runs.execute.sweep_plan import SweepPlan, open_run
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


class Slurm:
    """Gives the runs to jobs of SLURM and follows these."""

    here = False

    def __init__(self, options: ExecutorOptions):
        self.options = options

    def check(self, sweep: Sweep, detach: bool) -> str:
        """Raise ConfigError or UnknownName if this cluster cannot take the jobs, or the jobs lack GPUs or cores; return
        what the user should hear, such as of GPUs held for nothing."""
        scheduler.check_cluster(self.options.partition, self.options.sbatch)
        executions, gpus = [config.execution for config in sweep.runs().values()], self.options.gpus or 0
        on_gpus = [execution for execution in executions if gpus_of_run(execution)]
        if on_gpus and not gpus and not asks_sbatch(self.options):
            raise ConfigError(
                f"execution.device={on_gpus[0].device}, but executor.gpus=0 gives a job no GPU. Leave executor.gpus "
                "out, or write execution.device=cpu. "
                "If jobs have one without asking: executor.sbatch.gres=none."
            )
        for execution in executions:
            self._refuse_too_small(execution)
        if gpus and not on_gpus:
            return (
                f"executor.gpus={gpus}, but all runs have execution.device=cpu: a job holds a GPU and computes on the "
                "CPU. Add execution.device=cuda, or leave executor.gpus out."
            )
        return ""

    def _refuse_too_small(self, execution: ExecutionConfig) -> None:
        """Raise ConfigError for a job with fewer GPUs, or cores, than the run has processes."""
        on_gpu = bool(gpus_of_run(execution))
        what, given = ("gpus", self.options.gpus or 0) if on_gpu else ("cpus", self.options.cpus)
        if execution.processes > given and not (on_gpu and asks_sbatch(self.options)):
            raise ConfigError(
                f"execution.processes={execution.processes} on {execution.device} needs as many in one job; "
                f"executor.{what} is {given}. Write executor.{what}={execution.processes}."
            )

    def preview(self, sweep: Sweep, plan: SweepPlan, results: Path) -> str:
        """Say what would be submitted: jobs, what they are expected to cost and can cost, the batch file's head."""
        options = self.options
        free = [run_id for run_id in plan.ids_to_do if plan.states[run_id].state not in ALIVE]
        jobs = -(-len(free) // options.cells_per_job)
        if not jobs:
            return "\nNothing to submit."
        devices, unit = (options.gpus, "GPU-hours") if options.gpus else (options.cpus, "core-hours")
        if asks_sbatch(options):  # for how many, the site knows
            devices, unit = 1, "job-hours"
        most = f"{jobs * options.timeout_min / 60 * devices:.1f} {unit}"
        arrays = -(-jobs // submit.array_size(options))
        said = f"To submit: {len(free)} runs in {jobs} jobs in {arrays} arrays; at most {most} before a requeue."
        expected = past_durations.expected_time([sweep.runs()[run_id] for run_id in free], results)
        estimate = past_durations.estimate_text(expected, devices, unit)
        return f"\n{said}\n{estimate}\n\n{submit.batch_file_head(results, options, jobs)}"

    def carry_out(self, sweep: Sweep, todo: list[str], results: Path, tell: Tell, detach: bool) -> Ending:
        """Submit what nobody has, and follow the jobs unless told to `detach`."""
        configs, patience = sweep.runs(), Patience(self.options.max_identical_failures)
        runs = [RunDir.create(results, configs[name]) for name in todo]
        submitted, ended = run_slurm(runs, results, self.options, tell, patience, detach)
        if ended:
            return Ending(patience.reason)
        in_jobs = sum(submissions.read(run) is not None for run in runs)
        if not (submitted or in_jobs):
            return Ending("Stopped before sbatch took a run.")
        return Ending(f"{submitted} of {len(runs)} runs submitted, {in_jobs} are in jobs. {LATER}", under_way=True)

    def cancel(self, sweep: Sweep, results: Path) -> str:
        """Cancel the jobs of the sweep's runs. Raises ConfigError, with the command, if SLURM refuses, or if a run's
        record names a job that is not ours."""
        back = cancel_runs([open_run(results, name) for name in sweep.runs()])
        said = f"{back.taken} runs taken back from their jobs. Checkpoints stay; the sweep's command continues them."
        if back.refused:
            jobs = " ".join(back.refused)
            raise ConfigError(
                f"scancel failed: {len(back.refused)} jobs may go on. Once SLURM answers, run: scancel {jobs}"
            )
        if back.odd:
            odd = [f"Run {run_id}: {why}." for run_id, why in sorted(back.odd.items())]
            raise ConfigError("\n".join([said, *odd]))
        return said
