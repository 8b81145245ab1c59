"""Training curves of a table's rows."""

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fpd_bench.reporting import user_text
from fpd_bench.reporting.figures.figure_style import save
from fpd_bench.reporting.figures.line_styles import line_style
from fpd_bench.reporting.model import TableResult
from fpd_bench.reporting.training_curves import CURVES, points
from fpd_bench.store.query import Store


def curves(table: TableResult, store: Store, stem: Path) -> Path | None:
    """Draw training curves by row: mean over seeds, band of one standard deviation."""
    rows = {seed.run_id: str(n) for n, row in enumerate(table.rows) for seed in row.seeds}  # a label may be anything
    frame = pd.DataFrame(points(store, list(rows)), columns=["run_id", "name", "step", "value"])
    names = [name for name in CURVES if name in set(frame.name)]
    if not names:
        return None
    frame = frame.assign(row=frame.run_id.map(rows))
    drawn = [number for number in dict.fromkeys(rows.values()) if number in set(frame.row)]
    texts = [textwrap.fill(user_text.figure(table.rows[int(number)].label), 34) for number in drawn]
    lines = sum(max(text.count("\n") + 1 for text in texts[n : n + 4]) for n in range(0, len(texts), 4))
    figure = Figure(figsize=(max(3.6 * len(names), 7.2), 3.0 + 0.18 * lines), layout="constrained")
    handles: dict[str, Any] = {}
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
        for number in drawn:
            own = frame[(frame.name == name) & (frame.row == number)].groupby("step").value.agg(["mean", "std"])
            if len(own):
                style = line_style(int(number)) | {"markevery": max(len(own) // 6, 1), "markersize": 3.5}
                (handles[number],) = axes.plot(own.index, own["mean"], linewidth=1.2, **style)
                band = own["std"].fillna(0.0)
                axes.fill_between(own.index, own["mean"] - band, own["mean"] + band, color=style["color"], alpha=0.15)
        axes.set(xlabel="Training step", ylabel=CURVES[name])
    labels = [text for number, text in zip(drawn, texts, strict=True) if number in handles]
    columns = min(4 if len(names) > 2 else 2, len(labels))
    figure.legend(
        [handles[number] for number in drawn if number in handles],
        labels,
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        fontsize=8,
    )
    return save(figure, stem)
