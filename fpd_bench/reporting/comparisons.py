"""Rows against each other: the baseline, the best row, the paper's claims. Always paired, always adjusted (Holm)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fpd_bench.errors import ConfigError
from fpd_bench.evals import statistics
from fpd_bench.evals.statistics import Comparison
from fpd_bench.reporting import set_metrics
from fpd_bench.reporting.model import ClaimResult, RowResult, TableResult

if TYPE_CHECKING:
    from fpd_bench.config.spec import Claim

ALPHA = 0.05


def _pairs(table: TableResult, pairs: list[tuple[RowResult, RowResult]], purpose: str) -> list[Comparison | None]:
    """Paired comparisons with p adjusted over all of them (Holm); None where they cannot be made, with a note."""
    found: list[Comparison | None] = []
    for a, b in pairs:
        rng = statistics.generator(table.content, purpose, a.id, b.id)
        try:
            if a.score is None or b.score is None:
                found.append(None)
            elif set_metrics.of_all_images(table.metric):
                found.append(set_metrics.compare(a, b, table.metric))
            elif a.scores is None or b.scores is None:
                found.append(None)
            else:
                found.append(statistics.compare(a.scores, b.scores, rng, f"{a.label} v {b.label}"))
        except ConfigError as error:
            found.append(None)
            if str(error) not in table.notes:
                table.notes.append(str(error))
    adjusted = iter(statistics.holm([one.p for one in found if one is not None]))
    return [None if one is None else Comparison(one.difference, next(adjusted)) for one in found]


def to_baseline(table: TableResult, baseline_id: str | None) -> None:
    """Fill each row's difference to the baseline row."""
    baseline = table.row(baseline_id) if baseline_id else None
    if baseline is None:
        return
    table.baseline = baseline.label
    others = [row for row in table.rows if row is not baseline]
    for row, delta in zip(others, _pairs(table, [(row, baseline) for row in others], "baseline"), strict=True):
        row.delta = delta
        if row.published is not None and baseline.published is not None:
            row.published_delta = row.published - baseline.published


def mark_best(table: TableResult) -> None:
    """Mark the best row and all that cannot be told from it."""
    measured, way = set_metrics.ranked(table), set_metrics.sign(table.metric)
    if not measured:
        return
    best = max(measured, key=lambda row: way * row.score.value if row.score else 0.0)
    best.best = True
    others = [row for row in measured if row is not best]
    for row, gap in zip(others, _pairs(table, [(best, row) for row in others], "best"), strict=True):
        row.best = gap is not None and not _told_apart(gap)


def _told_apart(gap: Comparison) -> bool:
    """Both the test on prompts and the interval over seeds and prompts must exclude 'no difference'."""
    return gap.p < ALPHA and gap.difference.excludes(0.0)


def judge(table: TableResult, claims: "Sequence[Claim]") -> list[ClaimResult]:
    """The verdict on each claim, p adjusted over the claims of the table."""
    pairs = [(table.row(claim.better), table.row(claim.worse)) for claim in claims]
    results = []
    for claim, (better, worse), ours in zip(claims, pairs, _pairs(table, pairs, "claim"), strict=True):
        published = None
        if better.published is not None and worse.published is not None:
            published = better.published - worse.published
        verdict = _verdict(ours, set_metrics.sign(table.metric))
        results.append(ClaimResult(claim.text, better.label, worse.label, published, ours, verdict))
    return results


def _verdict(ours: Comparison | None, way: int) -> str:
    """way: 1 if higher is better, -1 if lower is."""
    if ours is None:
        return "not tested"
    if not _told_apart(ours):
        return "undecided"
    return "reproduced" if way * ours.difference.value > 0 else "contradicted"
