"""The recipes of the embedded tracks behind one door: `python -m fpd_bench.tracks build`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fpd_bench.config.tracks import own_world_name

Progress = Callable[[str, int, int, float], None]  # (network, step, steps, loss)


PHI = "phi"  # of the shapes' domain, the network of drift.backbone=shapes; the other part is the teacher
PARTS = ("teacher", PHI)


def build(
    track: str,
    preset: str,
    work: Path,
    out: Path | None,
    steps: int | None,
    progress: Progress,
    part: str = PARTS[0],
) -> Path:
    """Train what the preset needs, with checkpoints in `work`, and write its assets; returns what was written.

    out: None = the package's own folder. steps: of each network; None = the recipe's.
    """
    if part == PHI:
        return _phi(work, out, steps, progress)
    return {"shapes": _shapes, "digits": _digits}[track](preset, work, out, steps, progress)


def _shapes(preset: str, work: Path, out: Path | None, steps: int | None, progress: Progress) -> Path:
    from fpd_bench.tracks.shapes import build, files

    recipe = build.RECIPES[own_world_name(preset)]
    if steps:
        recipe = replace(recipe, steps=steps)
    return build.build(preset, work, out or files.FOLDER, recipe, lambda *told: progress("teacher", *told))


def _phi(work: Path, out: Path | None, steps: int | None, progress: Progress) -> Path:
    from fpd_bench.tracks.shapes.phi import PhiRecipe, build_phi

    recipe = PhiRecipe(steps=steps) if steps else PhiRecipe()
    return build_phi(work, out, recipe, lambda *told: progress(PHI, *told))


def _digits(preset: str, work: Path, out: Path | None, steps: int | None, progress: Progress) -> Path:
    from fpd_bench.tracks.digits import build, files

    recipes = build.RECIPES[preset]
    return build.build(preset, work, out or files.FOLDER, recipes.of(steps) if steps else recipes, progress)
