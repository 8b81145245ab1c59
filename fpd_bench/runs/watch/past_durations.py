"""What runs alike have taken so far: the estimate in a plan. Reads files only, and needs no torch."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from fpd_bench.config.identity import semantic
from fpd_bench.config.schema import RunConfig
from fpd_bench.errors import OddFile
from fpd_bench.records import layout
from fpd_bench.runs.folder.rundir import RunDir

ALIKE = ("method", "track.name", "track.preset")  # what must be equal
MOST = 500  # run directories that are looked at, newest first

Kind = tuple[object, ...]


@dataclass(frozen=True)
class Past:
    """Means of n finished runs of one kind. step_s: of a training step; other_s: of sampling and evaluation."""

    step_s: float
    other_s: float
    n: int


@dataclass(frozen=True)
class Expected:
    """Seconds of the runs that something is known about; seen: finished runs behind it; unknown: runs of new kinds."""

    seconds: float
    runs: int
    seen: int
    unknown: int


def expect(configs: Iterable[RunConfig], results: Path) -> Expected:
    """What these runs will take, by the mean of finished runs of the same method and track in `results`."""
    known, seconds, runs, unknown = past(results), 0.0, 0, 0
    seen: dict[Kind, int] = {}
    for config in configs:
        kind = kind_of(config)
        found = known.get(kind)
        if found is None:
            unknown += 1
            continue
        runs, seen[kind] = runs + 1, found.n
        seconds += found.step_s * config.optim.steps + found.other_s
    return Expected(seconds, runs, sum(seen.values()), unknown)


def kind_of(config: RunConfig) -> Kind:
    """What runs that take alike long have in common: method, track, preset."""
    meaning = semantic(config)
    return tuple(meaning.get(name) for name in ALIKE)


def past(results: Path) -> dict[Kind, Past]:
    """Average the runs in `results` that went to their end in one go: {kind: Past}."""
    paths = sorted((results / layout.RUNS).glob("*"), key=_written, reverse=True)
    spent: dict[Kind, list[tuple[float, float]]] = defaultdict(list)
    for run in map(RunDir, paths[:MOST]):
        found = _spent(run)
        if found:
            spent[found[0]].append(found[1:])
    return {
        kind: Past(mean(step for step, _ in rows), mean(other for _, other in rows), len(rows))
        for kind, rows in spent.items()
    }


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # a dead link, or removed since
        return 0.0


def _spent(run: RunDir) -> tuple[Kind, float, float] | None:
    """(kind, seconds a training step, seconds of the rest) of a run that was not interrupted; None for an odd one."""
    try:
        return _seconds(run)
    except (OddFile, OSError, TypeError):  # TypeError: a field of run.json that is no number, or cannot be a key
        return None


def _seconds(run: RunDir) -> tuple[Kind, float, float] | None:
    if (run.done() or {}).get("status") != "done" or run.attempts() != [1]:
        return None
    meaning = layout.read_identity(run.path)["semantic"]
    finished = [event for event in run.events() if event.get("kind") == "stage_finished"]
    by_stage = {event.get("stage"): float(event.get("seconds") or 0.0) for event in finished}
    training = by_stage.pop("train", 0.0)
    steps = meaning.get("optim.steps") or 1
    kind = tuple(meaning.get(name) for name in ALIKE)
    return (kind, training / steps, sum(by_stage.values())) if all(isinstance(name, str) for name in kind) else None


def told(expected: Expected, devices: int, unit: str) -> str:
    """The estimate in words. devices: of one run; unit: what is counted, for example GPU-hours."""
    if not expected.runs:
        return "Estimated cost: unknown, no run of these methods and tracks has finished here yet."
    hours = expected.seconds / 3600 * devices
    number = f"{hours:.1f}" if hours >= 0.1 else f"{hours:.2g}"
    more = f"; {expected.unknown} runs are of kinds unknown here" if expected.unknown else ""
    return f"Estimated cost: {number} {unit} for {expected.runs} runs, from {expected.seen} finished ones alike{more}."
