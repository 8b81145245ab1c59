"""A number and its interval, as reports print it."""

from dataclasses import dataclass

ALPHA = 0.05  # intervals are of 1 - ALPHA, and so are tests


@dataclass(frozen=True)
class Estimate:
    """A value and its 95% interval."""

    value: float
    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Say whether `value` lies outside the interval."""
        return not self.low <= value <= self.high
