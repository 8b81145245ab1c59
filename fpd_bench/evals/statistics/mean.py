"""A mean with the variance that other seeds and other prompts would give it: interval, p, and how it is tested."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpd_bench.evals.statistics import quantile
from fpd_bench.evals.statistics.interval import ALPHA, Estimate

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Mean:
    """Numbers or arrays of one shape. by_seeds, by_prompts: the parts of the mean's variance; d...: their degrees of
    freedom, 0 where a part is not known (one seed; no prompts)."""

    value: Floats
    by_seeds: Floats
    by_prompts: Floats
    d_seeds: Floats
    d_prompts: Floats

    @property
    def error(self) -> Floats:
        """Give the standard error."""
        return np.sqrt(self.by_seeds + self.by_prompts)

    @property
    def share(self) -> Floats:
        """Give the seeds' share in the variance, 0 to 1."""
        total = self.by_seeds + self.by_prompts
        return np.divide(self.by_seeds, total, out=np.ones_like(total), where=total > 0)

    def half_width(self, alpha: float = ALPHA) -> Floats:
        """Compute half of the interval that misses the truth with probability `alpha`."""
        return self.critical(alpha) * self.error

    def critical(self, alpha: float = ALPHA) -> Floats:
        """Compute half of the interval in standard errors."""
        return quantile.critical(self.share, self.d_seeds, self.d_prompts, alpha)

    def rejects(self, value: float = 0.0, alpha: float = ALPHA) -> NDArray[np.bool_]:
        """Say whether the interval excludes `value`, which is when p < `alpha`."""
        return np.abs(self.value - value) > self.half_width(alpha)

    def p(self, value: float = 0.0) -> Floats:
        """Compute the two-sided p of the hypothesis that the truth is `value`. Without any variance, 1 or nearly 0."""
        away = np.abs(np.asarray(self.value - value, dtype=float))
        t = np.divide(away, self.error, out=np.where(away > 0, np.inf, 0.0), where=self.error > 0)
        return quantile.two_sided(t, self.share, self.d_seeds, self.d_prompts)

    def interval(self, alpha: float = ALPHA) -> Estimate:
        """Estimate a single mean with its interval."""
        centre, half = float(self.value), float(self.half_width(alpha))
        return Estimate(centre, centre - half, centre + half)

    def negative(self) -> "Mean":
        """Turn the difference round: B - A for A - B."""
        return Mean(-self.value, self.by_seeds, self.by_prompts, self.d_seeds, self.d_prompts)
