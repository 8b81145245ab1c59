"""What a search may try for one field: a range of numbers, some choices, a subset of a set, and under which condition.

`interval(a, b)`, `tag(log, interval(a, b))`, `range(a, b, step)` and `choice(...)` are spelt as Hydra spells them;
`subset(0.1, 0.2, 0.5; min=1, max=2)` is ours, for fields that are sets (bandwidths, blocks). Needs no torch.
"""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fpd_bench.config.fields import canonical, value
from fpd_bench.config.identity import is_read
from fpd_bench.config.schema import RunConfig

DIGITS = 4  # significant digits of a number drawn from an interval: enough for any optimum, short enough to read
SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip


@dataclass(frozen=True)
class Interval:
    """Numbers from low to high, both included. log: the sampler sees their logarithm; whole_numbers: no others."""

    low: float
    high: float
    log: bool = False
    whole_numbers: bool = False

    def holds(self, found: Any) -> bool:
        """Say whether a run with this value can be a trial."""
        return _number(found) and self.low <= found <= self.high and (not self.whole_numbers or isinstance(found, int))

    def rounded(self, drawn: float) -> float:
        """Give the number drawn with a few significant digits, still inside."""
        return min(max(float(f"{drawn:.{DIGITS}g}"), self.low), self.high)

    @property
    def size(self) -> float:
        """Say how many values there are."""
        return self.high - self.low + 1 if self.whole_numbers else math.inf

    def __str__(self) -> str:
        text = f"interval({self.low:g}, {self.high:g})"
        return f"tag(log, {text})" if self.log else text


@dataclass(frozen=True)
class Steps:
    """low, low + step, ... up to high, both included: an ordered axis of few numbers."""

    low: float
    high: float
    step: float

    @property
    def values(self) -> tuple[float, ...]:
        count = round((self.high - self.low) / self.step) + 1
        return tuple(self.at(n) for n in range(count))

    def at(self, place: int) -> float:
        """Give the number in this place, without rounding errors of many additions."""
        found = self.low + place * self.step
        return found if isinstance(found, int) else float(f"{found:.12g}")

    def holds(self, found: Any) -> bool:
        """Say whether a run with this value can be a trial."""
        return _number(found) and found in self.values

    @property
    def size(self) -> float:
        """Say how many values there are."""
        return len(self.values)

    def __str__(self) -> str:
        return f"range: {', '.join(f'{one:g}' for one in self.values)}"


@dataclass(frozen=True)
class Choice:
    """One of some words, numbers or truth values without an order."""

    values: tuple[Any, ...]

    def holds(self, found: Any) -> bool:
        """Say whether a run with this value can be a trial."""
        return any(type(found) is type(one) and found == one for one in self.values)

    @property
    def size(self) -> float:
        """Say how many values there are."""
        return len(self.values)

    def __str__(self) -> str:
        return f"choice({', '.join(map(str, self.values))})"


@dataclass(frozen=True)
class Subset:
    """Sets of `members`, of at least `least` and at most `most` of them; the sampler says yes or no to each member."""

    members: tuple[float, ...]
    least: int
    most: int

    def holds(self, found: Any) -> bool:
        """Say whether a run with this value can be a trial."""
        return isinstance(found, list) and self.least <= len(found) <= self.most and set(found) <= set(self.members)

    @property
    def size(self) -> float:
        """Say how many sets there are."""
        return sum(math.comb(len(self.members), count) for count in range(self.least, self.most + 1))

    def __str__(self) -> str:
        return f"subset({', '.join(f'{one:g}' for one in self.members)}; min={self.least}, max={self.most})"


Axis = Interval | Steps | Choice | Subset


@dataclass(frozen=True)
class AxisCondition:
    """`field sign value`: when a dimension is there at all."""

    field: str
    sign: str
    value: Any

    def holds(self, config: RunConfig) -> bool:
        """Say whether a configuration meets it."""
        return SIGNS[self.sign](value(config, self.field), canonical(self.field, self.value))

    def __str__(self) -> str:
        return f"{self.field} {self.sign} {self.value}"


@dataclass(frozen=True)
class Dimension:
    """A field and what may be tried for it; with a condition, only where that holds."""

    field: str
    axis: Axis
    condition: AxisCondition | None = None

    def __str__(self) -> str:
        return f"{self.field} = {self.axis}" + (f"  if {self.condition}" if self.condition else "")


def active(one: Dimension, config: RunConfig) -> bool:
    """Say whether a configuration has this dimension: its condition holds, and the run reads the field."""
    return (one.condition is None or one.condition.holds(config)) and is_read(config, one.field)


def _number(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool)
