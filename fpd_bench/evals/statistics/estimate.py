"""A number and its interval, as reports print it."""

from dataclasses import dataclass

LEVEL = 0.95
ALPHA = 0.05  # 1 - LEVEL


@dataclass(frozen=True)
class Estimate:
    """A value and its 95% interval."""

    value: float
    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Whether `value` lies outside the interval."""
        return not self.low <= value <= self.high
