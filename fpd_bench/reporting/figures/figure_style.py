"""What all figures of a report share: colours, theme, title, error bars, and how they are written."""

import textwrap
from collections.abc import Iterable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from fpd_bench.evals.statistics import Estimate
from fpd_bench.reporting import user_text
from fpd_bench.reporting.model import TableResult
from fpd_bench.reporting.tables.text_frames import heading

OURS, PUBLISHED, QUIET = "#1f5fa8", "#c2571a", "#8a8f98"
sns.set_theme(
    context="paper",
    style="ticks",
    font_scale=1.1,
    rc={
        "axes.spines.right": False,
        "axes.spines.top": False,
        "figure.dpi": 150,
        "savefig.dpi": 150,
        "text.parse_math": False,  # a label with dollar signs is a label
    },
)


def save(figure: Figure, stem: Path) -> Path:
    """Write the figure as PNG and PDF without dates; return the PNG's path."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    pdf, png = (stem.with_name(f"{stem.name}.{kind}") for kind in ("pdf", "png"))  # a stem may contain dots
    figure.savefig(pdf, metadata={"CreationDate": None, "ModDate": None})
    figure.savefig(png)
    return png


def write_title(figure: Figure, table: TableResult, letters: int = 78) -> None:
    """Write the table's heading above its figure, in lines of so many letters."""
    text = textwrap.fill(user_text.figure(heading(table)), letters)
    figure.suptitle(text, x=0.01, ha="left", fontweight="bold", fontsize=11)


def bar_ends(estimates: Iterable[Estimate]) -> np.ndarray:
    """Give the lengths of error bars [2, n]; 0 where there is no interval, as for one seed of FID."""
    ends = np.array([[one.value - one.low, one.high - one.value] for one in estimates]).T
    return np.where(np.isfinite(ends), ends, 0.0)
