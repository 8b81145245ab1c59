"""Effects with the published ones marked: a forest plot."""

import textwrap
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from fpd_bench import metrics
from fpd_bench.reporting import user_text
from fpd_bench.reporting.figures.figure_style import OURS, QUIET, bar_ends, save, write_title
from fpd_bench.reporting.figures.published_marks import mark_published
from fpd_bench.reporting.model import TableResult
from fpd_bench.reporting.number_words import claim_text

LABEL = 38  # letters of a line of a label


def effects(table: TableResult, stem: Path) -> Path | None:
    """Draw our difference of each claim, else of each row to the baseline, with its interval; published as a mark."""
    lines = [(claim_text(one), one.ours.difference, one.published) for one in table.claims if one.ours]
    if not lines:
        lines = [(row.label, row.delta.difference, row.published_delta) for row in table.rows if row.delta]
    if not lines:
        return None
    labels = [textwrap.fill(user_text.figure(label), LABEL) for label, *_ in lines]
    height = sum(0.2 * (label.count("\n") + 1) + 0.24 for label in labels)
    figure = Figure(figsize=(7.2, 1.5 + height), layout="constrained")
    axes = figure.subplots()
    places = range(len(lines))
    ours = [one for _, one, _ in lines]
    drawn: list[Any] = [
        axes.errorbar(
            [one.value for one in ours],
            places,
            xerr=bar_ends(ours),
            fmt="o",
            color=OURS,
            capsize=3,
            label="ours (95% interval)",
        )
    ]
    published = {y: value for y, (*_, value) in enumerate(lines) if value is not None}
    drawn += mark_published(axes, published, [0.0, *(end for one in ours for end in (one.low, one.high))], "published")
    axes.axvline(0, color=QUIET, linewidth=1)
    axes.set_yticks(places, labels)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_xlabel(f"Difference in {metrics.get_or_plain(table.metric).heading}")
    axes.grid(axis="x", color="#e4e6ea", linewidth=0.8)
    axes.set_axisbelow(True)
    write_title(figure, table)
    figure.legend(handles=drawn, loc="outside lower center", ncols=3, frameon=False)
    return save(figure, stem)
