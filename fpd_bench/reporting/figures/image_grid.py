"""Images of all rows of a table for the same prompts and noise."""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fpd_bench.reporting import user_text
from fpd_bench.reporting.figures.figure_style import save
from fpd_bench.reporting.image_files import read_images
from fpd_bench.reporting.model import RowResult, TableResult
from fpd_bench.store.query import Store

GRID_COLUMNS = 8


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
        pictures, path = read_images(run, table.suite, store.lines("artifacts", [seed.run_id], kind="samples"))
        if path:
            return Sample(row.label, seed.run_id, path, store.scores([seed.run_id], Path(path).stem), pictures)
    return None


def _columns(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Choose up to GRID_COLUMNS prompts that all rows have, taking the tasks in turn."""
    common = set.intersection(*(set(frame.item_id) for frame in frames))
    first = frames[0].drop_duplicates("item_id")
    first = first[first.item_id.isin(common)].sort_values("position")
    turn = first.groupby("task", sort=False).cumcount()
    return first.assign(turn=turn).sort_values(["turn", "position"]).head(GRID_COLUMNS)
