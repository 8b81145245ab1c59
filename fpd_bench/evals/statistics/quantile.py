"""The quantile of an error that has two parts, the first of which is known from very few observations.

For parts of variance v1, v2 on d1, d2 degrees of freedom and share = v1 / (v1 + v2) it is
  max(share^2 t(d1) + (1 - share^2) t(d2), sqrt(share) t(d1))
with Student's quantiles t, in standard errors. The square is the weight that a part has in Satterthwaite's rule, but
quantiles are averaged instead of degrees of freedom: the latter's estimate is far off when d1 is 2. The second term
keeps an interval from ever being narrower than the first part alone would make it. The rule was chosen by simulation
among six (docs/statistics.md).

All functions take numbers or arrays; d1 or d2 of 0 stands for a part without variance.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

LEAST = 1e-30  # smaller p are given as this
PARTS, ROUNDS = 16, 15  # as fine as 60 halvings, in a quarter of the calls

Floats = NDArray[np.float64]


def critical(share: ArrayLike, d1: ArrayLike, d2: ArrayLike, alpha: ArrayLike) -> Floats:
    """Compute how many standard errors the error exceeds, either way, with probability `alpha`."""
    share = np.asarray(share, dtype=float)
    first, second = _student(d1, alpha), _student(d2, alpha)
    mixed = np.where(share < 1, share**2 * first + (1 - share**2) * second, first)
    return np.where(share > 0, np.maximum(mixed, np.sqrt(share) * first), second)


def _student(df: ArrayLike, alpha: ArrayLike) -> Floats:
    return -stdtrit(np.maximum(np.asarray(df, dtype=float), 1), np.asarray(alpha, dtype=float) / 2)


def two_sided(t: ArrayLike, share: ArrayLike, d1: ArrayLike, d2: ArrayLike) -> Floats:
    """Compute p of an error of `t` standard errors: the alpha at which it is critical, by dividing an interval."""
    away, share, d1, d2 = (np.asarray(one, dtype=float)[..., None] for one in (np.abs(t), share, d1, d2))
    low, width = np.full((*np.broadcast(away, share).shape[:-1], 1), np.log(LEAST)), -np.log(LEAST)
    for _ in range(ROUNDS):
        width /= PARTS
        beyond = critical(share, d1, d2, np.exp(low + width * np.arange(1, PARTS))) > away
        low += width * beyond.sum(axis=-1, keepdims=True)  # the greater alpha, the smaller its quantile
    return np.exp(low + width)[..., 0]
