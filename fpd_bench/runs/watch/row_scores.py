"""Scores straight from run directories, for the line at the end of a sweep. The report has intervals and tests."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean
from typing import Any

from fpd_bench.config.sweeps.spec import Sweep, Table
from fpd_bench.errors import OddFile
from fpd_bench.metrics import OVERALL, get_or_plain
from fpd_bench.records.scores import overall, task_means
from fpd_bench.runs.folder.rundir import RunDir


@dataclass(frozen=True)
class RowScore:
    """A row's mean over the seeds that have a result. diverged: seeds without a score because training diverged."""

    table_id: str
    row_id: str
    label: str
    score: float | None
    seeds: int
    of: int
    diverged: int
    published: float | None


def run_score(run: RunDir, metric: str) -> float | None:
    """Return a task's mean over images, or `overall`, the plain mean of the task means; None if there is no such
    number.
    """
    rows = [row for rows in run.scores().values() for row in rows]
    for row in rows:
        if row.get("metric") == metric:  # of all images together
            return float(row["value"])
    means = task_means((row["task"], row["score"]) for row in rows if "task" in row)
    if metric != OVERALL:
        return means.get(metric)
    return overall(means.values()) if means else None


def row_scores(sweep: Sweep, open_run: Callable[[str], RunDir]) -> list[RowScore]:
    """Score every row of every table, in order. open_run: run id -> its directory."""
    ends: dict[str, tuple[str, float | None]] = {}
    for run_id in sweep.runs():
        ends[run_id] = _run_end(open_run(run_id), sweep.metric)
    return [_row_score(table, row, ends) for table in sweep.tables for row in table.rows]


def _run_end(run: RunDir, metric: str) -> tuple[str, float | None]:
    """Return (done | diverged | missing | corrupt, the score of a done run)."""
    try:
        status = (run.done() or {"status": "missing"})["status"]
        if status == "done" and not run.damaged():
            return status, run_score(run, metric)
        return ("corrupt" if status == "done" else status), None
    except (OddFile, OSError, KeyError, TypeError, ValueError):  # lines of other types than we write
        return "corrupt", None


def _row_score(table: Table, row: Any, ends: dict[str, tuple[str, float | None]]) -> RowScore:
    found = [ends[cell.run_id] for cell in table.cells if cell.row_id == row.id]
    scores = [score for _, score in found if score is not None]
    diverged = sum(status == "diverged" for status, _ in found)
    value = mean(scores) if scores else None
    return RowScore(table.id, row.id, row.label, value, len(scores), len(found), diverged, row.published)


def render_scores(scores: list[RowScore], metric: str) -> str:
    """Write the scores as lines of text."""
    width = max((len(row.label) for row in scores), default=0)
    how = get_or_plain(metric)
    lines = [f"{'table':9} {'row':{width}} {metric:>9} {'published':>9}  seeds"]
    for row in scores:
        none = "diverged" if row.diverged else "missing" if row.of else "-"
        score = none if row.score is None else f"{row.score:.{how.digits}f}"
        published = "" if row.published is None else f"{row.published:.{how.published_digits}f}"
        seeds = f"{row.seeds} of {row.of}" if row.seeds < row.of else str(row.of)
        lines.append(f"{row.table_id:9} {row.label:{width}} {score:>9} {published:>9}  {seeds}")
    return "\n".join(lines)
