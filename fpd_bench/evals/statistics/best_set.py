"""The rows of a table that may be the best: a 95% confidence set (Hsu's multiple comparisons with the best, 1981)."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from fpd_bench.evals.statistics.compare import Comparison
from fpd_bench.evals.statistics.interval import ALPHA

Row = TypeVar("Row")


def may_be_best(rows: Sequence[Row], compare: Callable[[Row, Row], Comparison], way: int) -> list[Row]:
    """List the rows that no other row beats, in the order given.

    The truly best row meets k - 1 others, so each beats it by mistake with probability .05 / (k - 1), one-sided
    (Bonferroni), and the set holds the best row in 95% of tables. compare(a, b): a minus b, of two or more seeds; it is
    asked least often if the rows come best first. way: 1 if higher is better, -1 if lower is.
    """

    def beaten(row: Row) -> bool:
        return any(_beats(compare(other, row), way, len(rows)) for other in rows if other is not row)

    return [row for row in rows if not beaten(row)]


def _beats(gap: Comparison, way: int, rows: int) -> bool:
    return way * float(gap.decisive().value) > 0 and gap.rejects(0.0, 2 * ALPHA / (rows - 1))
