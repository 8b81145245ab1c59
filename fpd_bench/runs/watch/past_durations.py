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
from fpd_bench.records.run_status import ALL_STAGES
from fpd_bench.runs.folder.rundir import RunDir

ALIKE = ("method", "track.name", "track.preset")  # what must be equal
MOST = 500  # run directories that are looked at, newest first

Kind = tuple[object, ...]


@dataclass(frozen=True)
class PastDuration:
    """Means of n finished runs of one kind. step_s: of a training step; other_s: of sampling and evaluation."""

    step_s: float
    other_s: float
    n: int


@dataclass(frozen=True)
class ExpectedTime:
    """Seconds of the runs that something is known about; seen: finished runs behind it; unknown: runs of new kinds."""

    seconds: float
    runs: int
    seen: int
    unknown: int


def expected_time(configs: Iterable[RunConfig], results: Path) -> ExpectedTime:
    """Estimate the time of these runs by the mean of finished runs of the same method and track in `results`."""
    known, seconds, runs, unknown = mean_durations(results), 0.0, 0, 0
    seen: dict[Kind, int] = {}
    for config in configs:
        kind = kind_of(config)
        found = known.get(kind)
        if found is None:
            unknown += 1
            continue
        runs, seen[kind] = runs + 1, found.n
        seconds += found.step_s * config.optim.steps + found.other_s
    return ExpectedTime(seconds, runs, sum(seen.values()), unknown)


def kind_of(config: RunConfig) -> Kind:
    """Return what runs of about the same duration have in common: method, track, preset."""
    meaning = semantic(config)
    return tuple(meaning.get(name) for name in ALIKE)


def mean_durations(results: Path) -> dict[Kind, PastDuration]:
    """Average the runs in `results` that went to their end without an interruption: {kind: PastDuration}."""
    paths = sorted((results / layout.RUNS).glob("*"), key=_written_at, reverse=True)
    spent: dict[Kind, list[tuple[float, float]]] = defaultdict(list)
    for run in map(RunDir, paths[:MOST]):
        found = _time_spent(run)
        if found:
            spent[found[0]].append(found[1:])
    return {
        kind: PastDuration(mean(step for step, _ in rows), mean(other for _, other in rows), len(rows))
        for kind, rows in spent.items()
    }


def step_seconds(run: RunDir) -> float | None:
    """Return the seconds of a training step of a finished run; None if there is none, or if it was interrupted."""
    found = _time_spent(run)
    return found[1] if found else None


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # a dead link, or removed since
        return 0.0


def _time_spent(run: RunDir) -> tuple[Kind, float, float] | None:
    """Return (kind, seconds a training step, seconds of the rest) of a run that was not interrupted; None for an odd
    one.
    """
    try:
        return _read_times(run)
    except (OddFile, OSError, TypeError):  # TypeError: a field of run.json that is no number, or cannot be a key
        return None


def _read_times(run: RunDir) -> tuple[Kind, float, float] | None:
    if (run.done() or {}).get("status") != "done" or run.attempts() != [1]:
        return None
    meaning = layout.read_identity(run.path)["semantic"]
    finished = [event for event in run.events() if event.get("kind") == "stage_finished"]
    by_stage = {event.get("stage"): float(event.get("seconds") or 0.0) for event in finished}
    if ALL_STAGES in by_stage:  # of a run from a report's evidence
        return None
    training = by_stage.pop("train", 0.0)
    steps = meaning.get("optim.steps") or 1
    kind = tuple(meaning.get(name) for name in ALIKE)
    return (kind, training / steps, sum(by_stage.values())) if all(isinstance(name, str) for name in kind) else None


def estimate_text(expected: ExpectedTime, devices: int, unit: str) -> str:
    """Write the estimate in words. devices: of one run; unit: what is counted, for example GPU-hours; few hours of
    anything are minutes."""
    if not expected.runs:
        return "Estimated cost: unknown, no run of these methods and tracks has finished here yet."
    hours = expected.seconds / 3600 * devices
    if hours < 0.5 and unit.startswith("hours"):
        hours, unit = 60 * hours, unit.replace("hours", "minutes", 1)
    number = f"{hours:.1f}" if hours >= 0.1 else f"{hours:.2g}"
    more = f"; nothing is known yet about {expected.unknown} runs of other kinds" if expected.unknown else ""
    known = f"{expected.runs} runs, from {expected.seen} finished runs of the same kind"
    return f"Estimated cost: {number} {unit} for {known}{more}."
