"""What every executor of a sweep can do, and the one list of them. Needs no torch."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from fpd_bench.runs.folder.outcome import Outcome

if TYPE_CHECKING:
    from fpd_bench.config.sweeps.spec import Sweep
    from fpd_bench.runs.execute.options import ExecutorOptions
    from fpd_bench.runs.execute.sweep_plan import SweepPlan

# name on the command line: (module, class), imported when it is asked for
EXECUTORS = {
    "local": ("fpd_bench.runs.execute.on_this_machine", "Local"),
    "inline": ("fpd_bench.runs.execute.on_this_machine", "Inline"),
    "slurm": ("fpd_bench.runs.slurm.batch_sweep", "Slurm"),
}
Tell = Callable[[Outcome], None]  # hears how each run ended


@dataclass(frozen=True)
class Ending:
    """How the work on a sweep ended. message: for people, '' if there is nothing to say; under_way: it goes on
    elsewhere, without this process."""

    message: str = ""
    under_way: bool = False


class Executor(Protocol):
    """Carries the runs of a sweep out. Made of ExecutorOptions that are fitted to the runs."""

    here: bool  # whether the runs are made on this machine

    def check(self, sweep: "Sweep", detach: bool) -> str:
        """Raise ConfigError if the runs cannot be carried out in this way; return what the user should hear, or ''."""
        ...

    def preview(self, sweep: "Sweep", plan: "SweepPlan", results: Path) -> str:
        """Say what would be done, and what it is expected to take; '' if there is nothing to do."""
        ...

    def carry_out(self, sweep: "Sweep", todo: list[str], results: Path, tell: Tell, detach: bool) -> Ending:
        """Make the directories of the runs `todo` and perform them, or have them performed."""
        ...

    def cancel(self, sweep: "Sweep", results: Path) -> str:
        """Take the sweep's runs back from their batch jobs; return what was done. Raises ConfigError."""
        ...


def choose_executor(options: "ExecutorOptions", sweep: "Sweep") -> Executor:
    """Open the executor of this name, with the workers and GPUs that the runs of the sweep need."""
    from fpd_bench.runs.execute.options import fit_to_runs

    module, name = EXECUTORS[options.name]
    executor: Executor = getattr(import_module(module), name)(
        fit_to_runs(options, [config.execution for config in sweep.runs().values()])
    )
    return executor
