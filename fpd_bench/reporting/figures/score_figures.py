"""Scores beside the published ones, and scores against the share of the teacher's diversity."""

import textwrap
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from fpd_bench import metrics
from fpd_bench.reporting import front as quality
from fpd_bench.reporting import user_text
from fpd_bench.reporting.figures.figure_style import OURS, QUIET, bar_ends, save, write_title
from fpd_bench.reporting.figures.line_styles import line_style
from fpd_bench.reporting.figures.published_marks import mark_published
from fpd_bench.reporting.model import RowResult, TableResult


def scores(table: TableResult, stem: Path) -> Path | None:
    """Draw one line per row: our mean and 95% interval, the published value, the teacher's score where it was run."""
    if not any(row.score for row in table.rows):
        return None
    figure = Figure(figsize=(7.2, 1.5 + 0.42 * len(table.rows)), layout="constrained")
    axes = figure.subplots()
    ours = [(y, row.score) for y, row in enumerate(table.rows) if row.score]
    lines: list[Any] = [
        axes.errorbar(
            [one.value for _, one in ours],
            [y for y, _ in ours],
            xerr=bar_ends(one for _, one in ours),
            fmt="o",
            color=OURS,
            capsize=3,
            label="ours (95% interval)",
        )
    ]
    published = {y: row.published for y, row in enumerate(table.rows) if row.published is not None}
    name = "published" if table.comparable else "published (the paper's bench)"
    lines += mark_published(axes, published, [end for _, one in ours for end in (one.value, one.low, one.high)], name)
    if table.teacher is not None:
        lines.append(
            axes.axvline(table.teacher, color=QUIET, linestyle="--", linewidth=1, label="our teacher, 16 steps")
        )
    axes.set_yticks(range(len(table.rows)), [_tick(row) for row in table.rows])
    axes.set_ylim(len(table.rows) - 0.4, -0.6)
    axes.set_xlabel(f"{metrics.get_or_plain(table.metric).heading} score")
    axes.grid(axis="x", color="#e4e6ea", linewidth=0.8)
    axes.set_axisbelow(True)
    write_title(figure, table)
    figure.legend(handles=lines, loc="outside lower center", ncols=3 if len(lines) < 4 else 2, frameon=False)
    return save(figure, stem)


def _tick(row: RowResult) -> str:
    label = textwrap.fill(user_text.figure(row.label), 34)
    return label if row.score else f"{label}\n{row.state}"


def front(table: TableResult, stem: Path) -> Path | None:
    """Draw scores against the share of the teacher's diversity, a line for each method; None for other tables.

    Grey: the least diversity at which methods are compared (reporting/front.py), and the teacher's score.
    """
    methods = quality.methods(table)
    if not methods:
        return None
    figure = Figure(figsize=(7.2, 4.2 + 0.2 * -(-(len(methods) + 2) // 3)), layout="constrained")
    axes = figure.subplots()
    for n, (method, rows) in enumerate(methods.items()):
        points = [(row.variety, row.score) for row in rows if row.variety is not None and row.score]
        x, y = [share for share, _ in points], [score.value for _, score in points]
        ends = bar_ends(score for _, score in points)
        axes.errorbar(
            x, y, yerr=ends, capsize=2, linewidth=1, label=textwrap.fill(user_text.figure(method), 34), **line_style(n)
        )
    kept = f"{quality.KEPT:.0%} of the teacher's diversity"
    axes.axvline(quality.KEPT, color=QUIET, linestyle=":", linewidth=1.4, label=kept)
    if table.teacher is not None:
        axes.axhline(table.teacher, color=QUIET, linestyle="--", linewidth=1, label="our teacher, 16 steps")
    axes.set_xlabel("Share of the teacher's diversity")
    axes.set_ylabel(f"{metrics.get_or_plain(table.metric).heading} score")
    axes.grid(color="#e4e6ea", linewidth=0.8)
    axes.set_axisbelow(True)
    write_title(figure, table)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return save(figure, stem)
