"""What a table could have seen: its noise, the differences it decides, and what its open claims still need."""

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from fpd_bench.evals import statistics
from fpd_bench.evals.statistics import ALPHA, Comparison, floor, power, published_worth
from fpd_bench.reporting import set_metrics
from fpd_bench.reporting.model import ClaimResult, Floor, Outlook, TableResult

if TYPE_CHECKING:
    from fpd_bench.evals.statistics.power import Noise


def fill(table: TableResult) -> None:
    """Fill the table's floor, and the outlook of its claims."""
    tested = [claim.ours for claim in table.claims if claim.p is not None and claim.ours]
    gaps = tested or [row.delta for row in table.rows if row.delta and row.delta.p is not None]
    noise = power.Noise.of(gaps) if gaps else None
    table.floor = _floor(table, gaps, noise)
    if noise:
        way, alpha = set_metrics.sign(table.metric), ALPHA / max(len(tested), 1)
        table.claims = [replace(claim, outlook=_outlook(claim, way, noise, alpha)) for claim in table.claims]


def _floor(table: TableResult, gaps: list[Comparison], noise: "Noise | None") -> Floor:
    scored = [[seed.score for seed in row.seeds if seed.score is not None] for row in table.rows if row.score]
    seed_sd = floor.seed_sd(scored)
    if set_metrics.of_all_images(table.metric):
        sampling_sd = floor.pooled([sd for row in table.rows for sd in row.drawn])
    else:
        sampling_sd = floor.sampling_sd([row.scores for row in table.rows if row.scores is not None])
    if noise is None:
        return Floor(seed_sd, sampling_sd)
    seeds, alpha = min(len(gap.per_seed) for gap in gaps), ALPHA / len(gaps)
    seen, found = (of(noise, seeds, alpha) for of in (power.observable_gap, power.detectable_gap))
    return Floor(seed_sd, sampling_sd, seeds, len(gaps), seen, found)


def _outlook(claim: ClaimResult, way: int, noise: "Noise", alpha: float) -> Outlook | None:
    if claim.ours is None or claim.p is None:
        return None
    wins = sum(way * gap > 0 for gap in claim.ours.per_seed)
    new_seed = statistics.probability_of_win(claim.ours.per_seed, way)
    worth = (
        None if claim.published is None else published_worth.worth_of_single_runs(claim.published, claim.ours.per_seed)
    )

    def seeds(gap: float | None) -> float:
        if gap is None or claim.verdict != "undecided":
            return math.nan
        return power.seeds_needed(way * gap + claim.margin, noise, alpha) or math.inf

    return Outlook(wins, new_seed, seeds(claim.published), seeds(float(claim.ours.mean.value)), worth)
