"""What a published difference of one run each is worth, at the spread over seeds that we have measured."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from fpd_bench.evals.statistics.interval import ALPHA


@dataclass(frozen=True)
class Worth:
    """spread: our SD of the difference over seeds; least: the smallest difference of single runs that tells; p."""

    spread: float
    least: float
    p: float


def worth_of_single_runs(published: float, per_seed: Sequence[float]) -> Worth | None:
    """Test the published difference as one more draw of our per-seed difference around 0: Student's t, S - 1 degrees.

    per_seed: our own differences. None with fewer than two seeds, or seeds without spread.
    """
    spread = float(np.std(per_seed, ddof=1)) if len(per_seed) > 1 else 0.0
    if spread == 0:
        return None
    degrees = len(per_seed) - 1
    least = -float(stdtrit(degrees, ALPHA / 2)) * spread
    return Worth(spread, least, 2 * float(stdtr(degrees, -abs(published) / spread)))
