"""The quality-diversity front of a table's methods: a score means little unless the pictures of a prompt still differ.

Fewer drafts of a prompt, colder drafts, milder damage buy score with variety, up to one picture a prompt; so methods
are compared by the best score among their rows that keep at least KEPT of the teacher's diversity.
"""

import pandas as pd

from fpd_bench import metrics
from fpd_bench.reporting import diversity_columns, set_metrics
from fpd_bench.reporting.model import RowResult, TableResult
from fpd_bench.reporting.number_words import NONE, estimate_text

KEPT = 0.7  # of the teacher's diversity


def methods(table: TableResult) -> dict[str, list[RowResult]]:
    """Sort rows with score and diversity by method, from least to most diverse; {} for a table that is no front."""
    found: dict[str, list[RowResult]] = {}
    for row in table.rows if table.front else []:
        if row.score and row.variety is not None:
            found.setdefault(row.extra_columns.get(table.front, row.label), []).append(row)
    return {method: sorted(rows, key=lambda row: row.variety or 0.0) for method, rows in found.items()}


def best(table: TableResult, rows: list[RowResult]) -> RowResult | None:
    """Choose the row of best score among those that keep enough diversity; None if none does."""
    way = set_metrics.sign(table.metric)
    kept = [row for row in rows if row.variety is not None and row.variety >= KEPT]
    return max(kept, key=lambda row: way * row.score.value if row.score else 0.0, default=None)


def best_frame(table: TableResult) -> pd.DataFrame:
    """List for each method the row that it is compared by."""
    metric = metrics.get_or_plain(table.metric)
    lines = []
    for method, rows in methods(table).items():
        row = best(table, rows)
        lines.append(
            {
                table.front: method,
                metric.heading: estimate_text(row.score, places=metric.digits) if row and row.score else NONE,
                "Of teacher": f"{row.kept:.0%}" if row and row.kept is not None else NONE,
                "Diversity": diversity_columns.words(row) if row else f"none of {len(rows)} rows keeps {KEPT:.0%}",
                "Row": row.label if row else NONE,
            }
        )
    return pd.DataFrame(lines, dtype=object)


def notes(table: TableResult) -> list[str]:
    """Say how to read the front, if the table has one."""
    if not methods(table):
        return []
    return [
        (
            f"Quality at kept diversity: the best row of each method among those that keep at least {KEPT:.0%} of "
            "the teacher's diversity. It was chosen by these same runs, so its interval is slightly optimistic: "
            "quote a confirmation on new seeds."
        )
    ]
