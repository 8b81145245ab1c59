"""Train the teacher of a preset and write its assets: the recipe behind assets/<preset>.safetensors.

Masked prediction on random scenes (tracks/masked_training.py), drawn as they are needed.
"""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor

from fpd_bench.config.tracks import own_preset
from fpd_bench.models.condition import Condition
from fpd_bench.models.torch_files import read_torch
from fpd_bench.models.transformer import MaskedTransformer
from fpd_bench.tracks.masked_training import Recipe, TeacherTraining
from fpd_bench.tracks.shapes import assets
from fpd_bench.tracks.shapes.free import FIT_SEED, learn_codes
from fpd_bench.tracks.shapes.language import draw_scenes, draw_things
from fpd_bench.tracks.shapes.prompts import TEXT_LENGTH, vocabulary
from fpd_bench.tracks.shapes.tokenizer import draw_codebook
from fpd_bench.tracks.shapes.world import WorldPreset, preset
from fpd_bench.tracks.training import Progress, write_checkpoint

LARGER = Recipe(steps=20000, width=192, depth=6, heads=6)
RECIPES = {
    "coarse": Recipe(steps=6000),
    "plain": Recipe(steps=3000),
    "textured": Recipe(steps=1000, batch=64, lr=5e-4, begin="plain"),
    "scattered": Recipe(steps=0, begin="plain"),  # nothing to learn: no token's texture says anything of another's
    "large": LARGER,
    "free": replace(LARGER, batch=64),
}
FIT_SCENES = 4000  # whose patches a learnt codebook is fitted to


def start_from_shipped(name: str, world: WorldPreset) -> MaskedTransformer:
    """Start from the shipped teacher of preset `name` over the codes of a textured world: each code as good as its
    synonyms.

    Its embedding and head rows are repeated, so nothing is learnt anew but which textures go together.
    """
    teacher: Any = assets.load_preset(name, preset(name))[1]
    state, n = dict(teacher.state_dict()), world.textures
    codes = state["token.weight"][:-1].repeat_interleave(n, 0)
    state["token.weight"] = torch.cat([codes, state["token.weight"][-1:]])  # the mask comes last
    state |= {key: state[key].repeat_interleave(n, 0) for key in ("head.weight", "head.bias")}
    model = MaskedTransformer(replace(teacher.shape, codes=world.codes))
    model.load_state_dict(state)
    return model


def build(name: str, work: Path, out: Path, recipe: Recipe | None = None, progress: Progress | None = None) -> Path:
    """Train preset `name` with checkpoints in `work` and write its assets to `out`; return the assets file."""
    name, world = own_preset("shapes", name), preset(name)
    for folder in (work, out):  # so that a folder that cannot be written to fails now, not after hours of training
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    codebook = _codebook(world, work / f"{name}.codebook.pt")
    recipe = recipe or RECIPES[name]

    def draw(n: int, generator: Generator) -> tuple[Tensor, Condition]:
        return draw_scenes(n, world, generator, codebook)

    words = len(vocabulary(world)) + 1
    begin = start_from_shipped(recipe.begin, world) if recipe.begin else None
    training = TeacherTraining(recipe, world.codes, world.tokens, words, TEXT_LENGTH, draw, begin)
    teacher: Any = training.finish(work / f"{name}.teacher.pt", progress)
    return assets.store_preset(name, codebook, teacher, out)


def _codebook(world: WorldPreset, kept: Path) -> Tensor:
    """Make the codebook [K, 3 p p] in [0, 1]: drawn, or learnt once and then kept: another machine's k-means may
    end elsewhere.
    """
    if not world.learnt:
        return draw_codebook(world)
    if not kept.exists():
        scenes, _ = draw_things(FIT_SCENES, world, torch.Generator().manual_seed(FIT_SEED))
        write_checkpoint(torch.from_numpy(learn_codes(scenes, world)) / 255, kept)
    return read_torch(kept, "Codebook", f"Delete it, to learn it again: rm '{kept}'")
