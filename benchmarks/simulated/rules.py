"""The rules that were tried: the half width of an interval at a level, from `crossed.variance_parts`."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from fpd_bench.evals.statistics import ALPHA, crossed
from simulated.counting import FAMILIES, Counts, Share

Floats = NDArray[np.float64]
Rule = Callable[[crossed.VarianceParts, float], Floats]


def seeds_only(found: crossed.VarianceParts, alpha: float) -> Floats:
    """Student's t over the seeds' scores: the prompts count as given."""
    return _t(found.n_seeds - 1, alpha) * np.sqrt(found.seeds)


def both_tests(found: crossed.VarianceParts, alpha: float) -> Floats:
    """The larger of t over seeds and a test on prompts (p = max of both)."""
    return np.maximum(seeds_only(found, alpha), -ndtri(alpha / 2) * np.sqrt(found.prompts.sum(axis=-1)))


def satterthwaite(found: crossed.VarianceParts, alpha: float) -> Floats:
    """Crossed variance, never below that of seeds, on Satterthwaite's degrees of freedom, never below S - 1."""
    seeds, prompts, rest = found.seeds, found.prompts.sum(axis=-1), found.rest.sum(axis=-1)
    variance, free = np.maximum(seeds + prompts - rest, seeds), found.sizes - 1
    spread = seeds**2 / (found.n_seeds - 1) + (found.prompts**2 / free).sum(axis=-1)
    spread = spread + (found.rest**2 / (free * (found.n_seeds - 1))).sum(axis=-1)
    degrees = np.maximum(variance**2 / np.maximum(spread, 1e-300), found.n_seeds - 1)
    return -stdtrit(degrees, alpha / 2) * np.sqrt(variance)


def banerjee(found: crossed.VarianceParts, alpha: float) -> Floats:
    """The root of the two parts' squared half widths (Banerjee 1960): never too short, often too long."""
    mean = crossed.combine_parts(found)
    squares = mean.by_seeds * _t(found.n_seeds - 1, alpha) ** 2
    return np.sqrt(squares + mean.by_prompts * stdtrit(np.maximum(mean.d_prompts, 1), alpha / 2) ** 2)


def cochran_cox(found: crossed.VarianceParts, alpha: float) -> Floats:
    """The mean of the two parts' quantiles, weighted by their variances (Cochran and Cox 1950)."""
    mean = crossed.combine_parts(found)
    prompts = -stdtrit(np.maximum(mean.d_prompts, 1), alpha / 2)
    return (mean.share * _t(found.n_seeds - 1, alpha) + (1 - mean.share) * prompts) * mean.error


def used(found: crossed.VarianceParts, alpha: float) -> Floats:
    """What the harness uses."""
    return crossed.combine_parts(found).half_width(alpha)


def _t(degrees: int, alpha: float) -> float:
    return -float(stdtrit(degrees, alpha / 2))


RULES: dict[str, Rule] = {
    "t over seeds alone": seeds_only,
    "larger of seeds' and prompts' p": both_tests,
    "crossed, Satterthwaite": satterthwaite,
    "sum of squared half widths": banerjee,
    "mean of quantiles, by variance": cochran_cox,
    "**mean of quantiles, by squared share (used)**": used,
}


def of_rules(chunks: Iterable[Floats], weights: Floats, strata: NDArray[np.int64]) -> dict[str, Counts]:
    """The counts of `counting.of_items` for every rule; rows with the plain interval of each."""
    rows, pairs, gaps = [], [], []
    for values in chunks:
        values = np.asarray(values, dtype=np.float64)
        rows.append(crossed.variance_parts(values, weights, strata))
        pairs.append(crossed.variance_parts(values[:, 1:-1:2] - values[:, 2::2], weights, strata))
        gaps.append(crossed.variance_parts(values[:, 1:] - values[:, :1], weights, strata))
    truth = np.concatenate([part.value for part in rows]).mean()

    def beyond(found: list[crossed.VarianceParts], rule: Rule, alpha: float, value: float = 0.0) -> NDArray[np.bool_]:
        return np.concatenate([np.abs(part.value - value) > rule(part, alpha) for part in found])

    counted = {}
    for name, rule in RULES.items():
        counts = {"rows": Share.of(~beyond(rows, rule, ALPHA, truth)), "one": Share.of(beyond(pairs, rule, ALPHA))}
        for size in FAMILIES:
            counts[f"family {size}"] = Share.of(beyond(gaps, rule, ALPHA / size)[:, :size].any(axis=1))
        counted[name] = counts
    return counted
