"""A TableResult as a frame of plain numbers, which programs read: the CSV."""

import math
from dataclasses import asdict

import pandas as pd

from fpd_bench import metrics
from fpd_bench.evals.statistics import Estimate
from fpd_bench.reporting import diversity_columns, set_metrics
from fpd_bench.reporting.model import TableResult

ALWAYS = ("row", "label", "state", "score", "score_low", "score_high", "seeds", "images", "run_ids")  # in a CSV


def numbers_frame(table: TableResult) -> pd.DataFrame:
    """Make the table as plain numbers, one line per row, for the CSV: a column for each task that any row has.

    A cell is empty where there is no number; a column that would be empty is left out, except those of ALWAYS.
    """
    tasks = metrics.ordered(task for row in table.rows for task in row.tasks)
    rows = []
    for row in table.rows:
        delta = row.delta.difference if row.delta else None
        numbers: dict[str, object] = {
            "row": row.id,
            "label": row.label,
            "state": row.state,
            **_columns("score", row.score),
            "sd_seeds": row.spread,
            "seeds": sum(seed.score is not None for seed in row.seeds),
            "images": row.images,
            **_columns("delta", delta),
            "p": row.delta.p if row.delta else None,
            "best": row.best,
            "kept_of_teacher": row.kept,
            "published": row.published,
            "published_delta": row.published_delta,
            "run_ids": " ".join(seed.run_id for seed in row.seeds),
        }
        if row.numbers.keys() - {table.metric}:
            numbers |= {f"published_{name}": value for name, value in row.numbers.items()}
        if set_metrics.of_all_images(table.metric):
            numbers["protocol"] = row.protocol
        if any(other.diversity for other in table.rows):
            numbers |= {"diversity_kept": row.variety, "collapsed": row.collapsed}
            for name in diversity_columns.given(table):
                numbers |= _columns(name, row.diversity.get(name))
        if row.cost:
            numbers |= {f"training_{name}": value for name, value in asdict(row.cost).items()}
        for task in tasks:
            numbers |= _columns(task, row.tasks.get(task))
        if any(other.novelty for other in table.rows):
            numbers |= _columns("novel", row.novelty.novel if row.novelty else None)
            numbers |= _columns("known", row.novelty.known if row.novelty else None)
        rows.append(numbers)
    frame = pd.DataFrame(rows)
    return frame[[name for name in frame.columns if name in ALWAYS or frame[name].notna().any()]]


def _columns(name: str, estimate: Estimate | None) -> dict[str, float]:
    values = (estimate.value, estimate.low, estimate.high) if estimate else (math.nan,) * 3
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
