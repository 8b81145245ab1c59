"""The noise that every row of a table has: what another seed and what other images of the same network change."""

from collections.abc import Sequence

import numpy as np

from fpd_bench.evals.statistics.score_table import Scores


def seed_sd(per_seed: Sequence[Sequence[float]]) -> float | None:
    """Estimate the SD of a row's score over seeds, pooled over rows with two seeds or more; None if there are none."""
    rows = [np.array(values, dtype=float) for values in per_seed if len(values) > 1]
    if not rows:
        return None
    squares = sum(float(np.square(row - row.mean()).sum()) for row in rows)
    return float(np.sqrt(squares / sum(len(row) - 1 for row in rows)))


def sampling_sd(rows: Sequence[Scores]) -> float | None:
    """Estimate the SD of one run's score if its images were drawn again; None without two images a prompt or more."""
    found = [row for row in rows if row.values.shape[2] > 1]
    if not found:
        return None
    variances = [float((row.values.var(axis=2, ddof=1) / row.values.shape[2] @ row.weights**2).mean()) for row in found]
    return float(np.sqrt(np.mean(variances)))


def pooled(sds: Sequence[float]) -> float | None:
    """Pool SDs with equally many draws behind each; None without any."""
    return float(np.sqrt(np.mean(np.square(sds)))) if sds else None
