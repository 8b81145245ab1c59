"""Several claims of one table: p adjusted for their number, and the verdicts from it."""

from collections.abc import Sequence

from fpd_bench.evals.statistics.compare import Comparison
from fpd_bench.evals.statistics.interval import ALPHA

REPRODUCED, CONTRADICTED, UNDECIDED, NOT_TESTED = "reproduced", "contradicted", "undecided", "not tested"


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust the p of each hypothesis by Holm's step-down rule, in the order given. None is not counted."""
    asked = [n for n, p in enumerate(p_values) if p is not None]
    adjusted, worst = list(p_values), 0.0
    for rank, n in enumerate(sorted(asked, key=lambda n: p_values[n] or 0.0)):
        worst = max(worst, min(1.0, (len(asked) - rank) * (p_values[n] or 0.0)))
        adjusted[n] = worst
    return adjusted


def p_of_claim(ours: Comparison | None, way: int, margin: float = 0.0) -> float | None:
    """Test a claim, two-sided, against its border: no difference, or `margin` worse for 'no worse than'.

    ours: better minus worse. way: 1 if higher is better, -1 if lower is. margin >= 0, in the metric's units. Only one
    side can speak for a claim, so each verdict is a one-sided test at .025.
    """
    return None if ours is None else ours.against(-way * margin)


def judge_claim(ours: Comparison | None, way: int, margin: float, p_adjusted: float | None) -> str:
    """Judge: reproduced, contradicted, undecided or not tested (one seed, or rows that cannot be paired)."""
    if ours is None or p_adjusted is None:
        return NOT_TESTED
    if p_adjusted >= ALPHA:
        return UNDECIDED
    return REPRODUCED if way * float(ours.decisive(-way * margin).value) > -margin else CONTRADICTED
