"""How often intervals and verdicts are wrong over many tables, each count with its own standard error.

Names of what is counted: rows, tasks: intervals that cover the truth; one: differences of two rows whose interval
misses the truth, which is a false verdict; family 1, 4, 6, 10: tables with a false verdict among so many claims against
one baseline; best: tables whose set of best rows lacks one; looks 1, 6: as families, looked at after 3, 5 and 8 seeds.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpd_bench.evals.statistics import ALPHA, constant_level, crossed
from fpd_bench.evals.statistics.mean import Mean
from fpd_bench.evals.statistics.row_estimate import over_seeds, proportion

FAMILIES = (1, 4, 6, 10)
LOOKS, LOOKED = (3, 5, 8), (1, 6)
ROWS = 1 + FAMILIES[-1]  # the first is the baseline

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Share:
    """A share of tables and its standard error."""

    value: float
    error: float

    @classmethod
    def of(cls, flags: Flags) -> "Share":
        """flags: [N] or [N, ...]; those of one table depend on each other, so the error is that of N means."""
        each = flags.reshape(len(flags), -1).mean(axis=1)
        return cls(float(each.mean()), float(each.std() / np.sqrt(len(each))))


Counts = dict[str, Share]


def of_items(chunks: Iterable[Floats], weights: Floats, strata: Numbers, true_gap: bool = False) -> Counts:
    """chunks: scores [n, M, S, P] of tables without a difference; the truth is the mean of all tables.

    true_gap: the rows differ in truth; their intervals and those of their differences are counted, verdicts are not.
    """
    rows, tasks, pairs, flags = [], [], [], list[dict[str, Flags]]()
    for values in chunks:
        values = np.asarray(values, dtype=np.float64)
        rows.append(_ends(crossed.mean(values, weights, strata), len(strata)))
        tasks.append(np.stack([_task(values[..., strata == task]) for task in np.unique(strata)], axis=2))
        pairs.append(crossed.mean(values[:, 1:-1:2] - values[:, 2::2], weights, strata))
        if not true_gap:
            gaps = values[:, 1:] - values[:, :1]
            flags.append(verdicts(crossed.mean(gaps, weights, strata)) | _looked(gaps, weights, strata))
    found = {
        "rows": _covered(np.concatenate(rows), (0,) if true_gap else (0, 1)),
        "tasks": _covered(np.concatenate(tasks), (0,) if true_gap else (0, 1)),
    }
    truth = float(np.concatenate([pair.value for pair in pairs]).mean()) if true_gap else 0.0
    found["one"] = Share.of(np.concatenate([pair.rejects(truth) for pair in pairs]))
    return found | _shares(flags)


def _task(values: Floats) -> Floats:
    """[n, M, 3]: the interval of one task's cells, from its prompts [n, M, S, P']."""
    size = values.shape[-1]
    return _ends(crossed.mean(values, np.full(size, 1 / size), np.zeros(size, dtype=np.int64)), size)


def _ends(found: Mean, prompts: int) -> Floats:
    low, high = proportion(found, prompts)
    return np.stack([low, found.value, high], axis=-1)


def _covered(ends: Floats, alike: tuple[int, ...]) -> Share:
    """ends: [N, M, (T,) 3]. alike: the axes over which the truth is one and the same."""
    truth = ends[..., 1].mean(axis=alike, keepdims=True)
    return Share.of((ends[..., 0] <= truth) & (truth <= ends[..., 2]))


def verdicts(gaps: Mean) -> dict[str, Flags]:
    """gaps: [n, M - 1], each row minus the baseline, in truth 0. [n] flags of tables that are wrong, by name."""
    rivals = gaps.value.shape[1]
    flags = {f"family {size}": _any(gaps, size, ALPHA / size) for size in FAMILIES if size <= rivals}
    return flags | {"best": (gaps.rejects(0.0, 2 * ALPHA / rivals) & (gaps.value > 0)).any(axis=1)}


def _any(gaps: Mean, size: int, alpha: float) -> Flags:
    """Whether any of the first `size` claims is decided; by Holm's adjustment that is so if one has p < .05 / size."""
    return gaps.rejects(0.0, alpha)[:, :size].any(axis=1)


def _looked(gaps: Floats, weights: Floats, strata: Numbers) -> dict[str, Flags]:
    if gaps.shape[2] != LOOKS[-1]:
        return {}
    means = [crossed.mean(gaps[:, :, :seeds], weights, strata) for seeds in LOOKS]
    levels = {size: constant_level(LOOKS, ALPHA / size) for size in LOOKED}
    return {f"looks {n}": np.any([_any(mean, n, level) for mean in means], axis=0) for n, level in levels.items()}


def _shares(flags: list[dict[str, Flags]]) -> Counts:
    return {name: Share.of(np.concatenate([each[name] for each in flags])) for name in (flags[0] if flags else ())}


def of_whole_sets(values: Floats) -> Counts:
    """values: [N, M, S], one number a run, such as FID."""
    found = {"rows": Share.of(~over_seeds(values).rejects(values.mean()))}
    found["one"] = Share.of(over_seeds(values[:, 1:-1:2] - values[:, 2::2]).rejects())
    return found | _shares([verdicts(over_seeds(values[:, 1:] - values[:, :1]))])


def of_recorded(values: Floats, weights: Floats, strata: Numbers, seeds: int, splits: int = 2000) -> Counts:
    """Real runs of one configuration, means over a prompt's images [runs, P], dealt into rows of `seeds` runs.

    Splits share their runs, so they tell less than their number says, and their standard errors are too small. All have
    the same prompts: rows are not counted. Raises ValueError for fewer than two rows.
    """
    rows = len(values) // seeds
    if rows < 2:
        raise ValueError(f"{len(values)} runs make no two rows of {seeds} seeds.")
    rng = np.random.default_rng(0)
    order = np.stack([rng.permutation(len(values))[: rows * seeds] for _ in range(splits)])
    dealt = np.asarray(values, dtype=np.float64)[order].reshape(splits, rows, seeds, -1)
    even = rows // 2 * 2
    found = {"one": Share.of(crossed.mean(dealt[:, :even:2] - dealt[:, 1:even:2], weights, strata).rejects())}
    return found | _shares([verdicts(crossed.mean(dealt[:, 1:] - dealt[:, :1], weights, strata))])
