"""The quantile for a mean whose error has two parts, each known from few observations.

With parts of variance v1, v2 on d1, d2 degrees of freedom the error's quantile is taken as the mean of the two Student
quantiles, weighted by v1 and v2 (Cochran and Cox, Experimental Designs, 1950, for the Behrens-Fisher problem). It needs
no estimated degrees of freedom, which is where Satterthwaite's rule fails with three seeds (docs/statistics.md).

All functions take numbers or arrays. share: v1 / (v1 + v2), in [0, 1]; d1 or d2 of 0 is a part without variance.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

LEAST = 1e-30  # smaller p are given as this
HALVINGS = 60

Floats = NDArray[np.float64]


def critical(share: ArrayLike, d1: ArrayLike, d2: ArrayLike, alpha: ArrayLike) -> Floats:
    """How many standard errors the error exceeds, either way, with probability `alpha`."""
    share = np.asarray(share, dtype=float)
    return _part(share, d1, alpha) + _part(1 - share, d2, alpha)


def _part(share: Floats, df: ArrayLike, alpha: ArrayLike) -> Floats:
    quantile = -stdtrit(np.maximum(np.asarray(df, dtype=float), 1), np.asarray(alpha, dtype=float) / 2)
    return np.where(share > 0, share * quantile, 0.0)


def two_sided(t: ArrayLike, share: ArrayLike, d1: ArrayLike, d2: ArrayLike) -> Floats:
    """p of an error of `t` standard errors: the alpha at which it is critical. Found by halving an interval."""
    t, share = np.abs(np.asarray(t, dtype=float)), np.asarray(share, dtype=float)
    low, high = np.full(np.broadcast(t, share).shape, np.log(LEAST)), np.zeros(np.broadcast(t, share).shape)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        beyond = critical(share, d1, d2, np.exp(middle)) > t
        low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
    return np.exp(high)
