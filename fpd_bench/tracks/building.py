"""The recipes of the embedded tracks behind one door: `python -m fpd_bench.tracks build`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

Progress = Callable[[str, int, int, float], None]  # (network, step, steps, loss)


def build(track: str, preset: str, work: Path, out: Path | None, steps: int | None, progress: Progress) -> Path:
    """Train what the preset needs, with checkpoints in `work`, and write its assets; returns what was written.

    out: None = the package's own folder. steps: of each network; None = the recipe's.
    """
    return {"shapes": _shapes, "digits": _digits}[track](preset, work, out, steps, progress)


def _shapes(preset: str, work: Path, out: Path | None, steps: int | None, progress: Progress) -> Path:
    from fpd_bench.tracks.shapes import build, files

    recipe = build.RECIPES[preset]
    if steps:
        recipe = replace(recipe, steps=steps)
    return build.build(preset, work, out or files.FOLDER, recipe, lambda *told: progress("teacher", *told))


def _digits(preset: str, work: Path, out: Path | None, steps: int | None, progress: Progress) -> Path:
    from fpd_bench.tracks.digits import build, files

    recipes = build.RECIPES[preset]
    return build.build(preset, work, out or files.FOLDER, recipes.of(steps) if steps else recipes, progress)
