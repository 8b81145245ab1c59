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
    """Train what the preset needs, with checkpoints in `work`, and write its assets; return what was written.

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
    return build.build(preset, work, out or files.FOLDER, recipe, lambda *state: progress("teacher", *state))


def _phi(work: Path, out: Path | None, steps: int | None, progress: Progress) -> Path:
    from fpd_bench.tracks.shapes.backbone_training import BackboneRecipe, build_backbone

    recipe = BackboneRecipe(steps=steps) if steps else BackboneRecipe()
    return build_backbone(work, out, recipe, lambda *state: progress(PHI, *state))


def _digits(preset: str, work: Path, out: Path | None, steps: int | None, progress: Progress) -> Path:
    from fpd_bench.tracks.digits import build, files

    recipes = build.RECIPES[preset]
    return build.build(preset, work, out or files.FOLDER, recipes.with_steps(steps) if steps else recipes, progress)
