"""`python -m fpd_bench.tracks build shapes`: a preset's teacher, or the network of drift.backbone=shapes."""

from dataclasses import replace
from pathlib import Path

from fpd_bench.config.tracks import own_preset
from fpd_bench.tracks.building import Progress
from fpd_bench.tracks.shapes import build as recipes
from fpd_bench.tracks.shapes import files
from fpd_bench.tracks.shapes.backbone_training import BackboneRecipe, build_backbone


def build(part: str, preset: str, work: Path, out: Path | None, steps: int | None, progress: Progress) -> Path:
    """Train `part`, teacher or backbone, with checkpoints in `work`; return what was written to `out`."""
    if part == "backbone":
        chosen = BackboneRecipe(steps=steps) if steps else BackboneRecipe()
        return build_backbone(work, out, chosen, lambda *state: progress("backbone", *state))
    recipe = recipes.RECIPES[own_preset("shapes", preset)]
    recipe = replace(recipe, steps=steps) if steps else recipe
    return recipes.build(preset, work, out or files.FOLDER, recipe, lambda *state: progress("teacher", *state))
