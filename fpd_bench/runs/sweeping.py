"""A sweep from its cells to its ends: what is done already, what is to do, and doing it. Needs no torch itself."""

import os
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fpd_bench.config.compose import parse
from fpd_bench.config.spec import Sweep
from fpd_bench.errors import ConfigError, UnknownName
from fpd_bench.runs.local import Tell, run_inline, run_local
from fpd_bench.runs.rundir import RunDir
from fpd_bench.runs.state import RESULTS, RunState, state_of
from fpd_bench.store import layout

EXECUTORS = ("local", "inline")
LEAST_FREE_MB = 200


@dataclass(frozen=True)
class Executor:
    """Who carries the runs out. workers: processes of `local`."""

    name: str = "local"
    workers: int = 2


@dataclass(frozen=True)
class Plan:
    """Runs of a sweep: what each is called, and where it stands before anything is done."""

    labels: dict[str, str]
    states: dict[str, RunState]

    @property
    def todo(self) -> list[str]:
        """Ids of the runs without a result. A corrupt one is left for its owner to judge."""
        return [name for name, state in self.states.items() if state.state not in (*RESULTS, "corrupt")]

    def sentence(self, cells: int) -> str:
        """'27 cells -> 27 runs: 3 done, 24 to do (1 running)'."""
        counts = Counter(state.state for state in self.states.values())
        beside = [f"{counts[name]} {name}" for name in ("running", "failed", "interrupted", "stale") if counts[name]]
        note = f" ({', '.join(beside)})" if beside else ""
        corrupt = f", {counts['corrupt']} corrupt" if counts["corrupt"] else ""
        done = sum(counts[name] for name in RESULTS)
        return f"{cells} cells -> {len(self.states)} runs: {done} done{corrupt}, {len(self.todo)} to do{note}"


def split_executor(overrides: Iterable[str]) -> tuple[Executor, list[str]]:
    """(executor=NAME executor.workers=N as an Executor, all other overrides). Raises ConfigError, UnknownName."""
    mine = [text for text in overrides if text.partition("=")[0].partition(".")[0] == "executor"]
    given = {override.key: override.texts[0].partition("=")[2] for override in parse(mine, "the command line")}
    name = given.pop("executor", "local")
    if name == "slurm":
        raise ConfigError(f"executor=slurm is not available yet. Available: {', '.join(EXECUTORS)}.")
    if name not in EXECUTORS:
        raise UnknownName("executor", name, EXECUTORS)
    workers = given.pop("executor.workers", str(_cores()))
    if given:
        raise UnknownName("field", next(iter(given)), ("executor", "executor.workers"), "the command line")
    if not workers.isdecimal() or int(workers) < 1:
        raise ConfigError(f"executor.workers must be a whole number from 1; got '{workers}'.")
    return Executor(name, int(workers)), [text for text in overrides if text not in mine]


def plan(sweep: Sweep, results: Path) -> Plan:
    """Look at every run's files. Writes nothing. Raises ConfigError if `results` is not a folder."""
    if results.exists() and not results.is_dir():
        raise ConfigError(f"'{results}' is not a folder. Choose another with --results DIR.")
    labels: dict[str, str] = {}
    for cell in sweep.cells:
        labels.setdefault(cell.run_id, f"{cell.table_id} {cell.row_id} seed {cell.seed}")
    states = {name: state_of(open_run(results, name)) for name in sweep.runs()}
    return Plan(labels, states)


def open_run(results: Path, name: str) -> RunDir:
    """The directory of a run, whether it is there or not."""
    return RunDir(results / layout.RUNS / name)


def check_results(results: Path) -> None:
    """Raises ConfigError if runs cannot be written to `results`. Leaves nothing behind but the folder."""
    probe = results / f".probe-{os.getpid()}"
    try:
        results.mkdir(parents=True, exist_ok=True)
        probe.write_text("")
        probe.unlink()
        free_mb = shutil.disk_usage(results).free / 2**20
    except OSError as error:
        raise ConfigError(
            f"Cannot write to '{results}': {error.strerror}. Choose another with --results DIR."
        ) from None
    if free_mb < LEAST_FREE_MB:
        raise ConfigError(f"'{results}' has {free_mb:.0f} MB left, {LEAST_FREE_MB} MB are needed. Make room first.")


def carry_out(sweep: Sweep, todo: list[str], results: Path, executor: Executor, tell: Tell) -> None:
    """Make the run directories and perform the runs; `tell` hears how each ended."""
    configs = sweep.runs()
    runs = [RunDir.create(results, configs[name]) for name in todo]
    if executor.name == "inline":
        run_inline(runs, tell)
        return
    threads = max(configs[name].execution.threads for name in todo)
    run_local(runs, executor.workers, threads, tell)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
