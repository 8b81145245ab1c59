"""Where the runs of a sweep stand: what is done already and what is to do. Needs no torch."""

import os
import shlex
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from fpd_bench.config.schema import RunConfig
from fpd_bench.config.sweeps.spec import Sweep
from fpd_bench.errors import ConfigError
from fpd_bench.records import layout
from fpd_bench.records.run_status import BEGUN, RESULTS, TO_DO
from fpd_bench.runs.folder.failures import DiskFull, check_space
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.watch.remembered_looks import RememberedLooks
from fpd_bench.runs.watch.run_labels import label_runs
from fpd_bench.runs.watch.state import RunState, state_of, with_scheduler_answers


@dataclass(frozen=True)
class SweepPlan:
    """Runs of a sweep: what each is called, and where it stands before anything is done."""

    labels: dict[str, str]
    states: dict[str, RunState]
    cells: int = 0  # of the sweep; several may be one run

    @property
    def ids_to_do(self) -> list[str]:
        """Return the ids of the runs without a result. A corrupt one is left for its owner to judge."""
        return [name for name, state in self.states.items() if state.state in TO_DO]

    def configs_to_do(self, sweep: Sweep) -> dict[str, RunConfig]:
        """Return the configurations of the runs to do, by run id."""
        configs = sweep.runs()
        return {run_id: configs[run_id] for run_id in self.ids_to_do}

    @property
    def missing(self) -> dict[str, RunState]:
        """Return the runs without a result, corrupt ones included."""
        return {run_id: state for run_id, state in self.states.items() if not state.has_result}

    def table(self) -> str:
        """List the runs, one on a line: id, state, label."""
        return "".join(f"{name}  {state.state:<11}  {self.labels[name]}\n" for name, state in self.states.items())

    def stopped_text(self) -> str:
        """Say in one line how far the sweep is."""
        done = len(self.states) - len(self.missing)
        return f"Stopped: {done} of {len(self.states)} runs have a result. The same command continues."

    def missing_text(self, results: Path) -> str:
        """Say of each run without a result why, what to do, and where to read more about the first failure."""
        lines = [
            f"{name} {self.labels[name]}: {state.state} {state.message}".rstrip()
            for name, state in self.missing.items()
        ]
        lines.append(f"{len(self.missing)} of {len(self.states)} runs have no result. The same command continues.")
        failed = [name for name, state in self.missing.items() if state.traceback]
        if failed:
            place = shlex.quote(str(results))
            lines.append(f"Details: python -m fpd_bench.status {failed[0]} --results {place}")
        return "\n".join(lines)

    def sentence(self, cells: int = 0) -> str:
        """Say in one line where the sweep stands: '27 cells -> 27 runs: 3 done, 24 to do (1 running)'; without cells
        '27 runs: ...'.
        """
        cells = cells or self.cells
        before = f"{cells} cell{'s' * (cells != 1)} -> " if cells else ""
        runs = f"{len(self.states)} run{'s' * (len(self.states) != 1)}"
        counts = Counter(state.state for state in self.states.values())
        beside = [f"{counts[name]} {name}" for name in BEGUN if counts[name]]
        note = f" ({', '.join(beside)})" if beside else ""
        corrupt = f", {counts['corrupt']} corrupt" if counts["corrupt"] else ""
        done = sum(counts[name] for name in RESULTS)
        return f"{before}{runs}: {done} done{corrupt}, {len(self.ids_to_do)} to do{note}"


def plan_sweep(sweep: Sweep, results: Path, look: Callable[[RunDir], RunState] = state_of) -> SweepPlan:
    """Look at every run's files, and ask the scheduler about those in its jobs. Writes nothing.

    look: says where one run stands. Raises ConfigError if `results` is not a folder.
    """
    if results.exists() and not results.is_dir():
        raise ConfigError(f"'{results}' is not a folder. Choose another with --results DIR.")
    labels: dict[str, str] = {}
    for cell in sweep.cells:
        labels.setdefault(cell.run_id, f"{cell.table_id} {cell.row_id} seed {cell.seed}")
    runs = {name: open_run(results, name) for name in sweep.runs()}
    states = with_scheduler_answers({name: look(run) for name, run in runs.items()}, runs)
    return SweepPlan(labels, states, len(sweep.cells))


def drop_later_looks(sweep: Sweep, results: Path) -> Sweep:
    """Drop the later looks' runs that nobody has asked for yet."""
    if not sweep.looks:
        return sweep
    first = set(sweep.seeds[: sweep.looks[0]])
    return sweep.only(lambda cell: cell.seed in first or open_run(results, cell.run_id).path.is_dir())


def plan_of_all_runs(results: Path, looks: RememberedLooks | None = None) -> SweepPlan:
    """Look at every run there is, whichever sweep asked for it, in the order in which they were made.

    looks: what earlier looks have seen.
    """
    looks = looks or RememberedLooks(results)
    folder = results / layout.RUNS
    with os.scandir(folder) if folder.is_dir() else nullcontext(()) as entries:
        runs = {entry.name: RunDir(entry.path) for entry in entries if entry.is_dir()}
    identities = {name: looks.identity(run) for name, run in runs.items()}
    order = sorted(runs, key=lambda name: (str(identities[name].get("created")), name))
    states = with_scheduler_answers({name: looks.state(runs[name]) for name in order}, runs)
    return SweepPlan(label_runs({name: identities[name]["semantic"] for name in order}), states)


def open_run(results: Path, name: str) -> RunDir:
    """Return the directory of a run, whether it is there or not."""
    return RunDir(results / layout.RUNS / name)


def check_results(results: Path) -> None:
    """Check that runs can be written to `results`. Raises ConfigError. Leaves nothing behind but the folder."""
    probe = results / f".probe-{os.getpid()}"
    try:
        results.mkdir(parents=True, exist_ok=True)
        probe.write_text("")
        probe.unlink()
        check_space(results)
    except OSError as error:
        raise ConfigError(
            f"Cannot write to '{results}': {error.strerror}. Choose another with --results DIR."
        ) from None
    except DiskFull as error:
        raise ConfigError(str(error)) from None
