"""A table's pictures: scores beside published, images of all rows for the same prompts and noise, training curves.

Each function writes <stem>.png and <stem>.pdf without dates, so equal data give equal bytes, and returns the PNG's
path, or None when there is nothing to draw yet.
"""

import sys
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from fpd_bench import metrics
from fpd_bench.records.layout import sha256
from fpd_bench.reporting import front as quality
from fpd_bench.reporting import user_text
from fpd_bench.reporting.figures.line_styles import line_style
from fpd_bench.reporting.model import RowResult, TableResult
from fpd_bench.reporting.tables.text_frames import heading
from fpd_bench.reporting.training_curves import CURVES, with_drift
from fpd_bench.store.query import Store

OURS, PUBLISHED, QUIET = "#1f5fa8", "#c2571a", "#8a8f98"
GRID_COLUMNS = 8
PICTURE_BYTES = 2**30  # samples of more are left out of the pictures: they would be read whole
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


def scores(table: TableResult, stem: Path) -> Path | None:
    """Draw one line per row: our mean and 95% interval, the published value, the teacher's score where it was run."""
    if not any(row.score for row in table.rows):
        return None
    figure = Figure(figsize=(7.2, 1.5 + 0.42 * len(table.rows)), layout="constrained")
    axes = figure.subplots()
    ours = [(y, row.score) for y, row in enumerate(table.rows) if row.score]
    ends = np.array([[one.value - one.low, one.high - one.value] for _, one in ours]).T
    ends = np.where(np.isfinite(ends), ends, 0.0)  # one seed of FID has no interval
    lines: list[Any] = [
        axes.errorbar(
            [one.value for _, one in ours],
            [y for y, _ in ours],
            xerr=ends,
            fmt="o",
            color=OURS,
            capsize=3,
            label="ours (95% interval)",
        )
    ]
    published = [(row.published, y) for y, row in enumerate(table.rows) if row.published is not None]
    if published:
        name = "published" if table.comparable else "published (the paper's bench)"
        lines += axes.plot(
            *zip(*published, strict=True),
            "D",
            markerfacecolor="white",
            markeredgecolor=PUBLISHED,
            markeredgewidth=1.4,
            label=name,
        )
    if table.teacher is not None:
        lines.append(
            axes.axvline(table.teacher, color=QUIET, linestyle="--", linewidth=1, label="our teacher, 16 steps")
        )
    axes.set_yticks(range(len(table.rows)), [_tick(row) for row in table.rows])
    axes.set_ylim(len(table.rows) - 0.4, -0.6)
    axes.set_xlabel(f"{metrics.get_or_plain(table.metric).heading} score")
    axes.grid(axis="x", color="#e4e6ea", linewidth=0.8)
    axes.set_axisbelow(True)
    figure.suptitle(
        textwrap.fill(user_text.figure(heading(table)), 78), x=0.01, ha="left", fontweight="bold", fontsize=11
    )
    figure.legend(handles=lines, loc="outside lower center", ncols=3, frameon=False)
    return save(figure, stem)


def _tick(row: RowResult) -> str:
    label = textwrap.fill(user_text.figure(row.label), 34)
    return label if row.score else f"{label}\n{row.state}"


def front(table: TableResult, stem: Path) -> Path | None:
    """Draw scores against the share of the teacher's diversity, a line for each method; None for other tables.

    Dashed: what methods are compared at (reporting/front.py), and the teacher's score.
    """
    methods = quality.methods(table)
    if not methods:
        return None
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.subplots()
    for n, (method, rows) in enumerate(methods.items()):
        points = [(row.variety, row.score) for row in rows if row.variety is not None and row.score]
        x, y = [share for share, _ in points], [score.value for _, score in points]
        ends = np.array([[score.value - score.low, score.high - score.value] for _, score in points]).T
        ends = np.where(np.isfinite(ends), ends, 0.0)
        axes.errorbar(x, y, yerr=ends, capsize=2, linewidth=1, label=user_text.figure(method), **line_style(n))
    axes.axvline(quality.KEPT, color=QUIET, linestyle="--", linewidth=1)
    if table.teacher is not None:
        axes.axhline(table.teacher, color=QUIET, linestyle="--", linewidth=1)
    axes.set_xlabel("Share of the teacher's diversity")
    axes.set_ylabel(f"{metrics.get_or_plain(table.metric).heading} score")
    axes.grid(color="#e4e6ea", linewidth=0.8)
    axes.set_axisbelow(True)
    figure.suptitle(
        textwrap.fill(user_text.figure(heading(table)), 78), x=0.01, ha="left", fontweight="bold", fontsize=11
    )
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return save(figure, stem)


@dataclass(frozen=True)
class Sample:
    """Images of a run that a figure shows. path: of their file in the run directory; frame: their items; pictures:
    uint8 [items, replicates, H, W, 3]."""

    label: str
    run_id: str
    path: str
    frame: pd.DataFrame
    pictures: np.ndarray

    def positions(self, items: Iterable[str]) -> list[int]:
        """List where the first image of each item lies in `pictures`."""
        found = self.frame.drop_duplicates("item_id").set_index("item_id").position
        return [int(found[item]) for item in items]


def shown_images(table: TableResult, store: Store) -> tuple[list[Sample], pd.DataFrame]:
    """Choose the rows that have images, each row's first finished seed, and the prompts that all of them have."""
    shown = [found for row in table.rows if (found := _sample(table, row, store)) is not None]
    return shown, _columns([one.frame for one in shown]) if shown else pd.DataFrame()


def images(table: TableResult, store: Store, stem: Path) -> Path | None:
    """Draw rows of the table x prompts: the first image of each prompt, from each row's first finished seed.

    All runs draw their noise by (seed, suite, item, replicate), so a column shares prompt and noise. The image files
    listed in the index are the only files of a run directory that a report opens.
    """
    shown, prompts = shown_images(table, store)
    if prompts.empty:
        return None
    height, width = 1.06 * len(shown) + 0.6, 1.06 * len(prompts) + 1.9
    figure = Figure(figsize=(width, height))
    grid = figure.subplots(len(shown), len(prompts), squeeze=False)
    for line, sample in enumerate(shown):
        for column, position in enumerate(sample.positions(prompts.item_id)):
            axes = grid[line, column]
            axes.imshow(sample.pictures[position, 0], interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            for spine in axes.spines.values():
                spine.set_visible(False)
            if line == 0:
                prompt = user_text.figure(prompts.prompt.iloc[column].removeprefix("a photo of "))
                axes.set_title(textwrap.fill(prompt, 15), fontsize=6.5, pad=3)
        name = textwrap.fill(user_text.figure(sample.label), 20)
        grid[line, 0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=6, fontsize=8)
    figure.subplots_adjust(
        left=1.75 / width, right=1 - 0.05 / width, top=1 - 0.5 / height, bottom=0.05 / height, wspace=0.05, hspace=0.05
    )
    return save(figure, stem)


def _sample(table: TableResult, row: RowResult, store: Store) -> Sample | None:
    """Read the images of the row's first finished seed that has some; None if none has."""
    for seed in row.seeds:
        if seed.score is None:
            continue
        run = store.runs([seed.run_id])[seed.run_id]
        files = store.frame("artifacts", [seed.run_id], kind="samples")
        small = files[files.bytes < PICTURE_BYTES]
        for path, digest in zip(small.path, small.sha256, strict=True):
            if Path(path).stem != table.suite or not (run.folder / path).is_file():
                continue
            if digest and sha256(run.folder / path) != digest:
                print(
                    f"Left out of the figures, because the file has changed since it was written: {run.folder / path}",
                    file=sys.stderr,
                )
                continue
            with np.load(run.folder / path) as file:
                pictures = file[_images_key(file)]
            return Sample(row.label, seed.run_id, path, store.scores([seed.run_id], Path(path).stem), pictures)
    return None


def _images_key(file: Any) -> str:
    return "images" if "images" in file.files else file.files[0]


def _columns(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Choose up to GRID_COLUMNS prompts that all rows have, taking the tasks in turn."""
    common = set.intersection(*(set(frame.item_id) for frame in frames))
    first = frames[0].drop_duplicates("item_id")
    first = first[first.item_id.isin(common)].sort_values("position")
    turn = first.groupby("task", sort=False).cumcount()
    return first.assign(turn=turn).sort_values(["turn", "position"]).head(GRID_COLUMNS)


def curves(table: TableResult, store: Store, stem: Path) -> Path | None:
    """Draw training curves by row: mean over seeds, band of one standard deviation."""
    rows = {seed.run_id: str(n) for n, row in enumerate(table.rows) for seed in row.seeds}  # a label may be anything
    frame = with_drift(store.frame("series", list(rows)))
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


def save(figure: Figure, stem: Path) -> Path:
    """Write the figure as PNG and PDF without dates; return the PNG's path."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    pdf, png = (stem.with_name(f"{stem.name}.{kind}") for kind in ("pdf", "png"))  # a stem may contain dots
    figure.savefig(pdf, metadata={"CreationDate": None, "ModDate": None})
    figure.savefig(png)
    return png
