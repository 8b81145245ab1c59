"""The executors `local` (worker processes) and `inline` (this process, for debugging). Need no torch themselves."""

from pathlib import Path

from fpd_bench.config.sweeps.spec import Sweep
from fpd_bench.errors import ConfigError
from fpd_bench.runs.execute.executor import Ending, Tell
from fpd_bench.runs.execute.local import run_inline, run_local
from fpd_bench.runs.execute.options import ExecutorOptions
from fpd_bench.runs.execute.sweep_plan import SweepPlan
from fpd_bench.runs.folder.failures import Patience
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.watch import past_durations


class OnThisMachine:
    """What both have in common."""

    here = True

    def __init__(self, options: ExecutorOptions):
        self.options = options

    def check(self, sweep: Sweep, detach: bool) -> str:
        """Refuse --detach: without this process nobody would do the work. Raises ConfigError."""
        if detach:
            raise ConfigError(f"--detach needs executor=slurm; the executor is '{self.options.name}'.")
        return ""

    def preview(self, sweep: Sweep, plan: SweepPlan, results: Path) -> str:
        """Say how long one worker would take."""
        if not plan.ids_to_do:
            return ""
        expected = past_durations.expected_time([sweep.runs()[run_id] for run_id in plan.ids_to_do], results)
        return f"\n{past_durations.estimate_text(expected, 1, 'hours of one worker')}"

    def carry_out(self, sweep: Sweep, todo: list[str], results: Path, tell: Tell, detach: bool) -> Ending:
        """Perform the runs until all have ended, too many have failed alike, or a signal comes."""
        configs, patience = sweep.runs(), Patience(self.options.max_identical_failures)
        threads = max(configs[name].execution.threads for name in todo)
        self._perform([RunDir.create(results, configs[name]) for name in todo], threads, tell, patience)
        return Ending(patience.reason)

    def cancel(self, sweep: Sweep, results: Path) -> str:
        """Cancel the sweep's batch jobs, which an earlier command may have submitted; Ctrl-C stops what runs here."""
        from fpd_bench.runs.slurm.batch_sweep import Slurm

        return Slurm(self.options).cancel(sweep, results)

    def _perform(self, runs: list[RunDir], threads: int, tell: Tell, patience: Patience) -> None:
        raise NotImplementedError


class Local(OnThisMachine):
    """A pool of warm worker processes."""

    def _perform(self, runs: list[RunDir], threads: int, tell: Tell, patience: Patience) -> None:
        run_local(runs, self.options.workers or 1, threads, tell, patience)


class Inline(OnThisMachine):
    """One run after the other in this process."""

    def _perform(self, runs: list[RunDir], threads: int, tell: Tell, patience: Patience) -> None:
        run_inline(runs, tell, patience)
