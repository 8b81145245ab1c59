"""Which training curves a report shows, and each as points of a small drawing."""

from dataclasses import dataclass

import pandas as pd

DRIFT = "drift_rms"
CURVES = {
    "loss": "Loss",
    DRIFT: "Drift (RMS, mean of layers)",
    "entropy": "Student entropy (nats)",
    "agreement": "Teacher agrees with draft",
    "differ": "Tokens that differ (of a prompt)",
}
WIDTH, HEIGHT = 300, 120  # of a drawing


@dataclass(frozen=True)
class Curve:
    """A curve of several runs. lines: (seed, points of an SVG polyline in WIDTH x HEIGHT); low, high: of all values."""

    title: str
    low: float
    high: float
    first_step: int
    last_step: int
    lines: list[tuple[int, str]]


def with_drift(series: pd.DataFrame) -> pd.DataFrame:
    """Add, as one more series, the mean of all drift RMS (`<layer>/rms_<bandwidth>`) of a run at a step."""
    rms = series[series.name.str.contains(r"(?:^|/)rms_", regex=True)]
    mean = rms.groupby(["run_id", "step"], as_index=False).value.mean().assign(name=DRIFT)
    return pd.concat([series, mean], ignore_index=True)


def drawings(series: pd.DataFrame, seeds: dict[str, int]) -> list[Curve]:
    """Draw each curve of CURVES that the runs have. series: of those runs, `with_drift`; seeds: by run id."""
    found = []
    for name, title in CURVES.items():
        part = series[series.name == name]
        if len(part):
            found.append(_drawing(title, part, seeds))
    return found


def _drawing(title: str, part: pd.DataFrame, seeds: dict[str, int]) -> Curve:
    low, high = float(part.value.min()), float(part.value.max())
    first, last = int(part.step.min()), int(part.step.max())
    x = (part.step - first) / max(last - first, 1) * WIDTH
    y = HEIGHT - (part.value - low) / ((high - low) or 1.0) * HEIGHT
    points = pd.Series([f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True)], index=part.run_id)
    lines = [(seed, " ".join(points.loc[[run_id]])) for run_id, seed in seeds.items() if run_id in points.index]
    return Curve(title, low, high, first, last, lines)
