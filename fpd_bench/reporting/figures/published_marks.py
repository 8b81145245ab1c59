"""Published numbers in a figure of ours: to scale, or at the edge where ours would be points beside them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from fpd_bench.reporting.figures.figure_style import PUBLISHED

FARTHEST = 3  # how far beyond ours a published number is drawn to scale, as a multiple of their whole range
LOOK: dict[str, Any] = {
    "linestyle": "none",
    "markerfacecolor": "white",
    "markeredgecolor": PUBLISHED,
    "markeredgewidth": 1.4,
    "clip_on": False,
}


def mark_published(axes: Axes, published: dict[int, float], ours: Sequence[float], name: str) -> list[Any]:
    """Mark the published number of each line, {line: number}; give what the legend lists.

    ours: all numbers that the figure is about, ends of intervals too. name: of the marks in the legend.
    """
    seen = [value for value in ours if np.isfinite(value)]
    low, high = min(seen, default=0.0), max(seen, default=0.0)
    room = FARTHEST * (high - low) or np.inf
    near = {y: value for y, value in published.items() if low - room <= value <= high + room}
    marks: list[Any] = axes.plot([*near.values()], [*near], marker="D", label=name, **LOOK) if near else []
    return marks + _at_the_edge(axes, {y: value for y, value in published.items() if y not in near}, low)


def _at_the_edge(axes: Axes, far: dict[int, float], low: float) -> list[Any]:
    across = axes.get_yaxis_transform()
    marks: list[Any] = []
    for y, value in far.items():
        edge, inwards, marker, align = (0, 7, "<", "left") if value < low else (1, -7, ">", "right")
        marks = axes.plot([edge], [y], marker=marker, label="far beyond", transform=across, **LOOK)
        axes.annotate(
            f"{value:.4g}",
            (edge, y),
            (inwards, 0),
            xycoords=across,
            textcoords="offset points",
            color=PUBLISHED,
            fontsize=8,
            va="center",
            ha=align,
        )
    return marks[-1:]
