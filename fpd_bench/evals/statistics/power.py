"""What a table could have seen: the gaps it decides at its seeds, and the seeds that a gap would need.

The variance of a difference of n seeds is taken as seeds / n + prompts. The power is that of Student's t off centre,
with Satterthwaite's degrees of freedom of those two parts; the test is the same as everywhere (`quantile`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import nctdtr

from fpd_bench.evals.statistics import quantile
from fpd_bench.evals.statistics.compare import Comparison
from fpd_bench.evals.statistics.interval import ALPHA

POWER = 0.8
MOST_SEEDS = 200


@dataclass(frozen=True)
class Noise:
    """Of a difference: seeds, the variance of its values over seeds; prompts, what the choice of prompts adds."""

    seeds: float
    prompts: float
    d_prompts: float

    @classmethod
    def of(cls, gaps: Sequence[Comparison]) -> "Noise":
        """Average the noise of several differences of two seeds or more: with few seeds one alone says little."""
        seeds = np.mean([float(gap.mean.by_seeds) * len(gap.per_seed) for gap in gaps])
        prompts = np.mean([float(gap.mean.by_prompts) for gap in gaps])
        return cls(float(seeds), float(prompts), float(np.mean([float(gap.mean.d_prompts) for gap in gaps])))


def power(gap: float, noise: Noise, n_seeds: int, alpha: float = ALPHA) -> float:
    """Compute the probability that n_seeds (two or more) decide a true gap, and the right way, at level `alpha`."""
    by_seeds, total = noise.seeds / n_seeds, noise.seeds / n_seeds + noise.prompts
    if total == 0:
        return float(gap != 0)
    limit = float(quantile.critical(by_seeds / total, n_seeds - 1, noise.d_prompts, alpha))
    spread = by_seeds**2 / (n_seeds - 1) + noise.prompts**2 / max(noise.d_prompts, 1)
    degrees, centre = total**2 / spread, abs(gap) / np.sqrt(total)
    return float(1 - nctdtr(degrees, centre, limit))


def observable_gap(noise: Noise, n_seeds: int, alpha: float = ALPHA) -> float:
    """Compute the smallest observed difference that n_seeds decide: half of the interval at level `alpha`."""
    by_seeds, total = noise.seeds / n_seeds, noise.seeds / n_seeds + noise.prompts
    share = by_seeds / total if total else 1.0
    return float(quantile.critical(share, n_seeds - 1, noise.d_prompts, alpha) * np.sqrt(total))


def detectable_gap(noise: Noise, n_seeds: int, alpha: float = ALPHA, wanted: float = POWER) -> float:
    """Find the smallest true difference that n_seeds decide in 80% of tables, by halving an interval."""
    low, high = 0.0, 4 * observable_gap(noise, n_seeds, alpha)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle, noise, n_seeds, alpha) >= wanted else (middle, high)
    return high


def seeds_needed(gap: float, noise: Noise, alpha: float = ALPHA, wanted: float = POWER) -> int | None:
    """Count the fewest seeds that decide a true gap in 80% of tables; None if more than MOST_SEEDS would not do."""
    for n_seeds in range(2, MOST_SEEDS + 1):
        if power(gap, noise, n_seeds, alpha) >= wanted:
            return n_seeds
    return None
