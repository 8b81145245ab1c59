"""Rows against each other: the baseline, the rows that may be the best, the paper's claims. Each pair is made once."""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fpd_bench.errors import ConfigError
from fpd_bench.evals import statistics
from fpd_bench.evals.statistics import Comparison
from fpd_bench.reporting import diversity_columns, set_metrics
from fpd_bench.reporting.model import ClaimResult, RowResult, TableResult

if TYPE_CHECKING:
    from fpd_bench.config.sweeps.spec import Claim


class Pairs:
    """The comparisons of a table's rows, each made once, whoever asks and in whatever order of the two."""

    def __init__(self, table: TableResult):
        self._table = table
        self._compared: dict[tuple[str, str], Comparison | None] = {}

    def __call__(self, a: RowResult, b: RowResult) -> Comparison | None:
        """Compare A minus B; None where they cannot be compared, with a note in the table."""
        if (b.id, a.id) in self._compared:
            turned = self._compared[b.id, a.id]
            return turned.turned() if turned else None
        if (a.id, b.id) not in self._compared:
            self._compared[a.id, b.id] = self._compare(a, b)
        return self._compared[a.id, b.id]

    def _compare(self, a: RowResult, b: RowResult) -> Comparison | None:
        try:
            if a.score is None or b.score is None:
                return None
            if not self._table.looks:
                return self._of_seeds(a, b, None)
            common = min(len(a.seeds), len(b.seeds))
            looks = [look for look in self._table.looks if look <= common]
            at_looks = [self._of_seeds(a, b, frozenset(self._table.seeds[:look])) for look in looks]
            return statistics.over_looks(at_looks, self._table.looks)
        except ConfigError as error:
            if str(error) not in self._table.notes:
                self._table.notes.append(str(error))
            return None

    def _of_seeds(self, a: RowResult, b: RowResult, chosen: frozenset[int] | None) -> Comparison:
        """Compare A minus B on the chosen seeds, or on all."""
        if set_metrics.of_all_images(self._table.metric):
            return set_metrics.compare(a, b, self._table.metric, chosen)
        assert a.scores is not None and b.scores is not None  # a row with a score of items has them
        ours, theirs = (s if chosen is None else s.of_seeds(chosen) for s in (a.scores, b.scores))
        return statistics.compare(ours, theirs, f"{a.label} v {b.label}")


def to_baseline(table: TableResult, pairs: Pairs, baseline_id: str | None) -> None:
    """Fill each row's difference to the baseline row."""
    baseline = table.row(baseline_id) if baseline_id else None
    if baseline is None:
        return
    table.baseline = baseline.label
    for row in table.rows:
        if row is baseline:
            continue
        row.delta = pairs(row, baseline)
        if row.published is not None and baseline.published is not None:
            row.published_delta = row.published - baseline.published


def mark_best(table: TableResult, pairs: Pairs) -> None:
    """Mark the rows that may be the best, among those that can be compared with each other."""
    way = set_metrics.sign(table.metric)
    rows = sorted(_comparable(table), key=lambda row: -way * row.score.value if row.score else 0.0)

    def gap(a: RowResult, b: RowResult) -> Comparison:
        comparison = pairs(a, b)
        assert comparison is not None  # `_comparable` chose them
        return comparison

    for row in statistics.may_be_best(rows, gap, way) if len(rows) > 1 else []:
        row.best = True


def _comparable(table: TableResult) -> list[RowResult]:
    """List the rows of the same two or more seeds and the same images or protocol, none of them collapsed: the
    baseline's, else the most.
    """
    groups: dict[Hashable, list[RowResult]] = {}
    for row in table.rows:
        if row.score is not None and len(row.seeds) > 1 and not row.collapsed:
            groups.setdefault(_bench(row, bool(table.looks)), []).append(row)
    ranked = sorted(groups.values(), key=len, reverse=True)
    return next((g for g in ranked if table.baseline in [row.label for row in g]), ranked[0] if ranked else [])


def _bench(row: RowResult, looks: bool) -> Hashable:
    seeds = None if looks else tuple(seed.seed for seed in row.seeds)
    return (seeds, row.protocol) if row.scores is None else (seeds, row.scores.prompts, row.scores.values.shape[1:])


def judge(table: TableResult, pairs: Pairs, claims: "Sequence[Claim]") -> list[ClaimResult]:
    """Judge each claim, p adjusted over the claims of the table (Holm)."""
    way = set_metrics.sign(table.metric)
    rows = [(table.row(claim.better), table.row(claim.worse)) for claim in claims]
    ours = [pairs(better, worse) for better, worse in rows]
    p = [statistics.p_of_claim(gap, way, claim.margin) for claim, gap in zip(claims, ours, strict=True)]
    results = []
    for claim, (better, worse), gap, alone, adjusted in zip(claims, rows, ours, p, statistics.holm(p), strict=True):
        both = better.published is not None and worse.published is not None
        result = ClaimResult(
            claim.text,
            better.label,
            worse.label,
            better.published - worse.published if both else None,  # type: ignore[operator]
            claim.margin,
            gap,
            alone,
            adjusted,
            statistics.judge_claim(gap, way, claim.margin, adjusted),
        )
        results.append(replace(result, verdict=diversity_columns.judge_diversity(result, better, worse)))
    return results
