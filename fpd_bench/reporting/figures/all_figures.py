"""Every figure of a table, in the order in which a report shows them."""

from collections.abc import Callable
from pathlib import Path

from fpd_bench.reporting.figures import cost_figures, curve_figures, effect_figures, image_grid, score_figures
from fpd_bench.reporting.model import TableFigure, TableResult
from fpd_bench.store.query import Store

FOLDER = "figures"
Draw = Callable[[TableResult, Store, Path], Path | None]
FIGURES: dict[str, tuple[str, Draw]] = {  # kind: (caption, what draws it)
    "scores": ("Scores", lambda table, _, stem: score_figures.scores(table, stem)),
    "effects": ("Effects", lambda table, _, stem: effect_figures.effects(table, stem)),
    "cost": ("Cost and quality", cost_figures.cost),
    "steps": ("Quality and steps", cost_figures.steps),
    "front": ("Quality and diversity", lambda table, _, stem: score_figures.front(table, stem)),
    "images": ("Same prompts, same noise", image_grid.images),
    "curves": ("Training", curve_figures.curves),
}


def draw(table: TableResult, store: Store, folder: Path) -> list[TableFigure]:
    """Draw the figures for which there are data, to folder/figures/<table>_<kind>.png and .pdf."""
    drawn = []
    for kind, (caption, make) in FIGURES.items():
        path = make(table, store, folder / FOLDER / f"{table.name}_{kind}")
        if path:
            drawn.append(TableFigure(kind, caption, path.relative_to(folder).as_posix()))
    return drawn
