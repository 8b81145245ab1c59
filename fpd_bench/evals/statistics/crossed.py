"""How sure a score is when S seeds have all seen the same P prompts.

y[s, p] = score + seed[s] + prompt[p] + rest[s, p], where `rest` is the seed's own way with a prompt and the luck of its
images. The score is sum_p w_p mean_s y[s, p], with prompts drawn anew within their stratum (a task). Then
  Var(score) = Var_seeds / S + sum_p w_p^2 (Var_prompts + Var_rest / S),
and with SEEDS = variance of the S scores / S, PROMPTS = the same sum from means over seeds, REST = the same sum from
what is left, an estimate of it is SEEDS + (PROMPTS - REST), because SEEDS and PROMPTS both count the rest. The second
term is never taken below 0, so a difference is never surer than its seeds alone make it.

All functions take any leading axes: a simulation passes thousands of tables at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpd_bench.evals.statistics.mean import Mean

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class VarianceParts:
    """SEEDS [...], PROMPTS and REST of the text above, these by stratum [..., T]; sizes: [T], prompts of each."""

    value: Floats
    seeds: Floats
    prompts: Floats
    rest: Floats
    sizes: NDArray[np.int64]
    n_seeds: int


def mean(values: Floats, weights: Floats, strata: NDArray[np.int64]) -> Mean:
    """Average values [..., S, P], means over a prompt's images; weights, strata: [P], of each prompt, from 0."""
    return combine_parts(variance_parts(values, weights, strata))


def variance_parts(values: Floats, weights: Floats, strata: NDArray[np.int64]) -> VarianceParts:
    """Estimate the three variances; arguments as for `mean`. A stratum of one prompt counts as certain."""
    n_seeds, sizes = values.shape[-2], np.bincount(strata)
    by_seed, by_prompt = values @ weights, values.mean(axis=-2)
    rest = values - by_prompt[..., None, :]
    seeds = by_seed.var(axis=-1, ddof=1) / n_seeds if n_seeds > 1 else np.zeros(by_seed.shape[:-1])
    inside = (strata[:, None] == np.arange(len(sizes))).astype(float)  # [P, T]: products with it add by stratum
    scale = np.where(sizes > 1, np.square(weights) @ inside, 0.0) / np.maximum(sizes - 1, 1)
    prompts = scale * _squares(by_prompt, inside, sizes, strata)
    left = scale * _squares(rest, inside, sizes, strata).sum(axis=-2) / (n_seeds * max(n_seeds - 1, 1))
    return VarianceParts(by_seed.mean(axis=-1), seeds, prompts, left, sizes, n_seeds)


def _squares(values: Floats, inside: Floats, sizes: NDArray[np.int64], strata: NDArray[np.int64]) -> Floats:
    """Add the squares around the mean of each stratum: [..., P] to [..., T]."""
    means = values @ inside / np.maximum(sizes, 1)
    result: Floats = np.square(values - means[..., strata]) @ inside
    return result


def combine_parts(found: VarianceParts) -> Mean:
    """Combine SEEDS and what PROMPTS add. Degrees of freedom: S - 1, and Satterthwaite's of the strata (each n - 1)."""
    prompts = found.prompts.sum(axis=-1)
    spread = (np.square(found.prompts) / np.maximum(found.sizes - 1, 1)).sum(axis=-1)
    d_prompts = np.divide(np.square(prompts), spread, out=np.zeros_like(prompts), where=spread > 0)
    added = np.maximum(prompts - found.rest.sum(axis=-1), 0.0)
    return Mean(found.value, found.seeds, added, np.full_like(prompts, found.n_seeds - 1), d_prompts)
