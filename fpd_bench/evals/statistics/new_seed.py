"""Would A beat B again? The probability of it on a new seed, beside the question whether they differ on average."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import nctdtrinc, ndtr

from fpd_bench.evals.statistics.interval import ALPHA, Estimate


def probability_of_win(per_seed: Sequence[float], way: int = 1) -> Estimate | None:
    """Estimate P(A - B > 0) on a new seed, same prompts; None with fewer than two seeds, or seeds without spread.

    per_seed: A minus B of each seed, taken as normal: P = Phi(mean / SD), and its interval is that of the
    noncentrality of Student's t. way: -1 where lower is better.
    """
    values = way * np.array(per_seed, dtype=float)
    if len(values) < 2 or values.std() == 0:
        return None
    effect, root = values.mean() / values.std(ddof=1), math.sqrt(len(values))
    ends = [nctdtrinc(len(values) - 1, level, effect * root) / root for level in (1 - ALPHA / 2, ALPHA / 2)]
    return Estimate(float(ndtr(effect)), float(ndtr(ends[0])), float(ndtr(ends[1])))
