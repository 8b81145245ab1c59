"""Seeds added until a claim is decided: declared looks, each at one constant level, so that the whole keeps .05.

looks: the numbers of seeds at which the p of a comparison is looked at, such as (3, 5, 8). The least p of all looks has
a known law when nothing is there (normal differences of seeds, Student's t at each look); it is drawn once, with a
fixed seed, and gives both the constant level and the p of a claim that has been looked at several times.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from fpd_bench.errors import ConfigError
from fpd_bench.evals.statistics.interval import ALPHA

DRAWS = 400_000
SEED = 20260603
CHUNK = 50_000


def constant_level(looks: Sequence[int], alpha: float = ALPHA) -> float:
    """Find the level at each look that makes a false verdict at any as rare as `alpha`; alpha itself for one look.

    Raises ConfigError unless looks grow and begin with two seeds or more.
    """
    return alpha if len(looks) == 1 else float(np.quantile(_least(checked(looks)), alpha))


def sequential_p(p_values: Sequence[float], looks: Sequence[int]) -> float:
    """Compute the p of a claim after the looks so far: the least overall level at which its path has been decided.

    p_values: of the first looks, in their order. It never grows with more looks, so a claim once decided stays so, and
    goes into Holm's adjustment as any p does. Raises ConfigError as `constant_level`, and for more p than looks.
    """
    if not 0 < len(p_values) <= len(checked(looks)):
        raise ConfigError(f"{len(p_values)} p values of looks {list(looks)}; expected 1 to {len(looks)}.")
    least = min(p_values)
    share = (np.searchsorted(_least(tuple(looks)), least, side="right") + 1) / (DRAWS + 1)
    return float(np.clip(share, least, min(1.0, least * len(looks))))  # both ends hold for any law


def checked(looks: Sequence[int]) -> tuple[int, ...]:
    """Check that the looks are whole numbers that grow from 2 or more; give them as a tuple. Raises ConfigError."""
    found = tuple(looks)
    if not found or found[0] < 2 or any(b <= a for a, b in pairwise(found)):
        raise ConfigError(
            f"looks must be increasing numbers of seeds, the first 2 or more, like [3, 5, 8]; got {list(found)}."
        )
    return found


@lru_cache(maxsize=16)
def _least(looks: tuple[int, ...]) -> NDArray[np.float64]:
    """Simulate the least p over the looks where there is no difference: [DRAWS], sorted."""
    rng = np.random.default_rng(SEED)
    drawn = [_chunk(rng, looks) for _ in range(DRAWS // CHUNK)]
    return np.sort(np.concatenate(drawn))


def _chunk(rng: np.random.Generator, looks: tuple[int, ...]) -> NDArray[np.float64]:
    values = rng.standard_normal((looks[-1], CHUNK))
    sums, squares = values.cumsum(axis=0), np.square(values).cumsum(axis=0)
    least = np.ones(CHUNK)
    for n in looks:
        mean = sums[n - 1] / n
        variance = (squares[n - 1] - n * mean**2) / (n - 1)
        least = np.minimum(least, 2 * stdtr(n - 1, -np.abs(mean) / np.sqrt(variance / n)))
    return least
