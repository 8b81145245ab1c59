"""What the benchmarks of speed share: sides measured in turn in one process, and the rows of `reports/performance.md`.

Not a benchmark itself. `make bench` gives each script a file for its rows in FPD_BENCH_ROWS; by hand they are printed.
"""

import json
import operator
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles

VARIABLE = "FPD_BENCH_ROWS"
HEAD = ("what", "against", "ours", "limit", "ratio", "n", "spread", "goal", "met")
HOLDS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt}


@dataclass(frozen=True)
class Row:
    """One claim. ours, limit: as text, with a unit; ratio: what the goal is about, in its unit; n: repeats.

    spread: half the distance between the quartiles of the repeats, over their median. goal: "<= 1.05", or "" if the
    number is only to be known.
    """

    what: str
    against: str
    ours: str
    limit: str
    ratio: float
    n: int
    spread: float = 0.0
    goal: str = ""

    @property
    def met(self) -> str:
        """Say whether the goal is met."""
        if not self.goal:
            return ""
        sign, number = self.goal.split()[:2]
        return "yes" if HOLDS[sign](round(self.ratio, 3), float(number)) else "**no**"

    def cells(self) -> list[str]:
        """Write the row's cells in the order of HEAD."""
        spread = f"{self.spread:.0%}" if self.n > 1 else ""
        return [
            self.what,
            self.against,
            self.ours,
            self.limit,
            number(self.ratio),
            str(self.n),
            spread,
            self.goal,
            self.met,
        ]


@dataclass(frozen=True)
class Times:
    """Seconds of each side, repeat by repeat."""

    seconds: dict[str, list[float]]

    def __getitem__(self, side: str) -> float:
        return median(self.seconds[side])

    def ratio(self, over: str | Iterable[str], under: str | Iterable[str]) -> float:
        """Return the median over repeats of one side (or several added up) over another."""
        return median(self._ratios(over, under))

    def spread(self, over: str | Iterable[str], under: str | Iterable[str]) -> float:
        """Return half the distance between the quartiles of that ratio, over its median."""
        return spread(self._ratios(over, under))

    def _ratios(self, over: str | Iterable[str], under: str | Iterable[str]) -> list[float]:
        return [a / b for a, b in zip(self._sums(over), self._sums(under), strict=True)]

    def _sums(self, sides: str | Iterable[str]) -> list[float]:
        names = [sides] if isinstance(sides, str) else list(sides)
        return [sum(repeat) for repeat in zip(*(self.seconds[name] for name in names), strict=True)]


def measure(
    sides: Mapping[str, Callable[[], object]],
    repeats: int = 7,
    clock: Callable[[], float] = time.process_time,
    warm: int = 1,
) -> Times:
    """Call all sides in turn, so that what slows the machine slows each; the first `warm` rounds do not count."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for repeat in range(warm + repeats):
        names = list(sides) if repeat % 2 else list(sides)[::-1]
        for name in names:
            began = clock()
            sides[name]()
            if repeat >= warm:
                seconds[name].append(clock() - began)
    return Times(seconds)


def spread(values: list[float]) -> float:
    """Return half the distance between the quartiles over the median; 0 for fewer than three values."""
    if len(values) < 3:
        return 0.0
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return (high - low) / 2 / middle


def number(value: float) -> str:
    """Write a number with three digits, and no exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def milliseconds(seconds: float) -> str:
    """Write seconds as milliseconds."""
    return f"{number(1000 * seconds)} ms"


def table(rows: Iterable[Row]) -> str:
    """Write the rows as Markdown."""
    lines = [f"| {' | '.join(HEAD)} |", "|---|---|---:|---:|---:|---:|---:|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row.cells())} |" for row in rows)])


def report(*rows: Row) -> None:
    """Print the rows, and give them to `make bench` if that has called."""
    print(table(rows), flush=True)
    place = os.environ.get(VARIABLE)
    if place:
        known = json.loads(Path(place).read_text()) if Path(place).exists() else []
        Path(place).write_text(json.dumps([*known, *(asdict(row) for row in rows)], indent=1))
