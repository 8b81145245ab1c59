"""Which training curves a report shows, and each as points of a small drawing."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from fpd_bench.store.query import Store

DRIFT = "drift_rms"
CURVES = {
    "loss": "Loss",
    DRIFT: "Drift (RMS, mean of layers)",
    "entropy": "Student entropy (nats)",
    "agreement": "Teacher agrees with draft",
    "differ": "Tokens that differ (of a prompt)",
}
RMS = re.compile(r"(?:^|/)rms_")  # in the name of a series: <layer>/rms_<bandwidth>
WIDTH, HEIGHT = 300, 120  # of a drawing

Point = tuple[str, str, int, float]  # run id, curve, step, value


@dataclass(frozen=True)
class Curve:
    """A curve of several runs. lines: (seed, points of an SVG polyline in WIDTH x HEIGHT); low, high: of all values."""

    title: str
    low: float
    high: float
    first_step: int
    last_step: int
    lines: list[tuple[int, str]]


def points(store: Store, run_ids: Sequence[str]) -> list[Point]:
    """Read the points of CURVES, by run, curve and step. The drift is the mean of all RMS of a run at a step."""
    found: list[Point] = []
    drifts: dict[tuple[str, int], list[float]] = defaultdict(list)
    for run_id, name, step, value in store.series(run_ids, list(CURVES), "rms_"):
        if name in CURVES:
            found.append((run_id, name, step, value))
        elif RMS.search(name):
            drifts[run_id, step].append(value)
    return sorted([*found, *((run_id, DRIFT, step, fmean(rms)) for (run_id, step), rms in drifts.items())])


def drawings(shown: Sequence[Point], seeds: dict[str, int]) -> list[Curve]:
    """Draw each curve of CURVES that the runs have. seeds: by run id; points of other runs are left out."""
    by_curve: dict[str, list[Point]] = defaultdict(list)
    for point in shown:
        if point[0] in seeds:
            by_curve[point[1]].append(point)
    return [_drawing(title, by_curve[name], seeds) for name, title in CURVES.items() if by_curve[name]]


def _drawing(title: str, part: list[Point], seeds: dict[str, int]) -> Curve:
    steps, values = [step for *_, step, _ in part], [value for *_, value in part]
    low, high, first, last = min(values), max(values), min(steps), max(steps)
    lines: dict[str, list[str]] = defaultdict(list)
    for run_id, _, step, value in part:
        x = (step - first) / max(last - first, 1) * WIDTH
        y = HEIGHT - (value - low) / ((high - low) or 1.0) * HEIGHT
        lines[run_id].append(f"{x:.1f},{y:.1f}")
    drawn = [(seed, " ".join(lines[run_id])) for run_id, seed in seeds.items() if run_id in lines]
    return Curve(title, low, high, first, last, drawn)
