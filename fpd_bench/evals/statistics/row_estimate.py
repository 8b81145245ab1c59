"""A row's score and its interval. With one seed it is about prompts only, and says nothing of another training."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from fpd_bench.evals.statistics import crossed
from fpd_bench.evals.statistics.interval import ALPHA, Estimate
from fpd_bench.evals.statistics.mean import Mean
from fpd_bench.evals.statistics.score_table import Scores

Floats = NDArray[np.float64]


def score(scores: Scores) -> Estimate:
    """Estimate the row's score over seeds and prompts; if all scores are in [0, 1], so is its interval."""
    found = crossed.mean(scores.prompt_means, scores.weights, scores.strata)
    if scores.values.min() < 0 or scores.values.max() > 1:
        return found.interval()
    low, high = proportion(found, len(scores.prompts))
    return Estimate(float(found.value), float(low), float(high))


def proportion(found: Mean, prompts: int, alpha: float = ALPHA) -> tuple[Floats, Floats]:
    """Compute the ends of Wilson's interval, for as many independent images as would give the mean's standard error.

    Where all images agree the spread says nothing, and the prompts count as that many independent images.
    """
    share = np.clip(found.value, 0.0, 1.0)
    spread = share * (1 - share)
    agree = spread == 0
    ratio = np.where(agree, ndtri(alpha / 2) ** 2 / prompts, found.half_width(alpha) ** 2 / np.where(agree, 1, spread))
    middle, half = (share + ratio / 2) / (1 + ratio), np.sqrt(ratio * spread + ratio**2 / 4) / (1 + ratio)
    # Where all images agree one end is the share itself; rounding may leave it on the wrong side.
    return np.minimum(share, np.maximum(middle - half, 0.0)), np.maximum(share, np.minimum(middle + half, 1.0))


def gap(a: Scores, b: Scores) -> Estimate:
    """Estimate A minus B of the same runs on two disjoint sets of prompts: seeds are paired, prompts are not."""
    values = np.concatenate([a.prompt_means, b.prompt_means], axis=1)
    weights = np.concatenate([a.weights, -b.weights])
    strata = np.concatenate([a.strata, b.strata + a.strata.max() + 1])
    return crossed.mean(values, weights, strata).interval()


def over_seeds(values: ArrayLike) -> Mean:
    """Average one number a seed, such as FID, over the last axis: only seeds tell how sure it is (Student's t).

    Two seeds or more.
    """
    numbers = np.asarray(values, dtype=float)
    centre, n_seeds = numbers.mean(axis=-1), numbers.shape[-1]
    by_seeds, none = numbers.var(axis=-1, ddof=1) / n_seeds, np.zeros_like(centre)
    return Mean(centre, by_seeds, none, np.full_like(centre, n_seeds - 1), none)


def set_metric_score(values: Sequence[float]) -> Estimate:
    """Estimate the mean of one number a seed and its interval, which has no bounds with one seed."""
    if len(values) < 2:
        return Estimate(values[0], -math.inf, math.inf)
    return over_seeds(values).interval()
