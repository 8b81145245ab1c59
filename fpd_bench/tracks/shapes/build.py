"""Train the teacher of a preset and write its assets: the recipe behind assets/<preset>.safetensors.

Masked prediction on random scenes (Eq. 2): a fraction (2 / pi) arccos(u) of the tokens hidden, cross-entropy on all
positions (as MaskGIT's code does), the prompt dropped for a tenth of the batch so that guidance works, AdamW with a
cosine, averaged weights. In half of the scenes some visible tokens are wrong: a teacher that has only ever seen true
context believes every fragment of a bad draft and cannot repair it (docs/dynamics.md).
"""

import copy
import math
import os
import pickle
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fpd_bench.config.tracks import world_of
from fpd_bench.errors import AssetError
from fpd_bench.models.condition import Condition
from fpd_bench.models.masking import damage, draw_ratios
from fpd_bench.models.transformer import MaskedTransformer, Shape
from fpd_bench.tracks.shapes import assets
from fpd_bench.tracks.shapes.free import FIT_SEED, learn_codes
from fpd_bench.tracks.shapes.language import TEXT_LENGTH, draw_scenes, draw_things
from fpd_bench.tracks.shapes.prompts import vocabulary
from fpd_bench.tracks.shapes.tokenizer import draw_codebook
from fpd_bench.tracks.shapes.world import Preset, preset

Progress = Callable[[int, int, float], None]  # (step, steps, loss)


@dataclass(frozen=True)
class Recipe:
    """How a teacher is trained; recorded in the model card."""

    steps: int = 2500
    batch: int = 128
    lr: float = 1e-3
    weight_decay: float = 0.01
    text_drop: float = 0.1
    damaged: float = 0.5  # share of scenes with wrong visible tokens
    damage: float = 0.3  # at most this share of them, uniform: random codes, as in z_init
    average: float = 0.999
    width: int = 128
    depth: int = 4
    heads: int = 4
    seed: int = 0
    begin: str = ""  # the plain preset whose teacher is trained on; "" = from nothing


LARGER = Recipe(steps=20000, width=192, depth=6, heads=6)
RECIPES = {
    "coarse": Recipe(steps=6000),
    "plain": Recipe(steps=3000),
    "textured": Recipe(steps=1000, batch=64, lr=5e-4, begin="plain"),
    "large": LARGER,
    "free": replace(LARGER, batch=64),
}
CHECKPOINT_EVERY = 250
FIT_SCENES = 4000  # whose patches a learnt codebook is fitted to


class TeacherTraining:
    """All state of a teacher's training, so that a killed build goes on where it stood."""

    def __init__(self, world: Preset, recipe: Recipe, codebook: Tensor):
        self.world, self.recipe, self.codebook, self.step = world, recipe, codebook, 0
        torch.manual_seed(recipe.seed)  # initial weights
        words = len(vocabulary(world)) + 1
        shape = Shape(world.codes, world.tokens, words, TEXT_LENGTH, recipe.width, recipe.depth, recipe.heads)
        self.model = begun(recipe.begin, world) if recipe.begin else MaskedTransformer(shape)
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=recipe.lr, betas=(0.9, 0.96), weight_decay=recipe.weight_decay
        )

    def advance(self) -> float:
        """One step; returns the loss."""
        recipe = self.recipe
        cosine = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.step / recipe.steps))
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.lr * min(1.0, (self.step + 1) / 100) * cosine
        codes, condition = draw_scenes(recipe.batch, self.world, self.generator, self.codebook)
        loss = self._loss(codes, self._drop_text(condition))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        decay = min(recipe.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(value, 1 - decay)
        self.step += 1
        return float(loss.detach())

    def _drop_text(self, condition: Condition) -> Condition:
        keep = torch.rand(len(condition), 1, generator=self.generator) >= self.recipe.text_drop
        return Condition(condition.texts, {"words": condition.tensors["words"] * keep})

    def _loss(self, codes: Tensor, condition: Condition) -> Tensor:
        ratios = draw_ratios(len(codes), "arccos", 0.0, 1.0, self.generator)
        hidden = damage(ratios, self.world.tokens, self.generator)
        tokens = self._with_mistakes(codes).masked_fill(hidden, self.world.codes)
        return F.cross_entropy(self.model(tokens, condition).flatten(0, 1), codes.flatten())

    def _with_mistakes(self, codes: Tensor) -> Tensor:
        n = len(codes)
        share = torch.rand(n, 1, generator=self.generator) * self.recipe.damage
        share *= torch.rand(n, 1, generator=self.generator) < self.recipe.damaged
        wrong = torch.rand(codes.shape, generator=self.generator) < share
        noise = torch.randint(self.world.codes, codes.shape, generator=self.generator)
        return torch.where(wrong, noise, codes)

    def save(self, path: Path) -> None:
        """Atomic: the file is whole or not there."""
        state = {"step": self.step, "generator": self.generator.get_state(), "recipe": asdict(self.recipe)}
        state |= {part: getattr(self, part).state_dict() for part in ("model", "average", "optimizer")}
        write(state, path)

    def load(self, path: Path) -> None:
        """Raises AssetError for a checkpoint of another recipe, or one that cannot be read."""
        state = read(path, asdict(self.recipe))
        self.step = state["step"]
        self.generator.set_state(state["generator"])
        for part in ("model", "average", "optimizer"):
            getattr(self, part).load_state_dict(state[part])


def begun(name: str, world: Preset) -> MaskedTransformer:
    """The shipped teacher of preset `name` over the codes of a textured world: each code as good as its synonyms.

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
    """Train preset `name` with checkpoints in `work` and write its assets to `out`; returns the assets file."""
    name, world = world_of(name), preset(name)
    for folder in (work, out):  # told now, not when hours of training are to be written down
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    codebook = _codebook(world, work / f"{name}.codebook.pt")
    training = TeacherTraining(world, recipe or RECIPES[name], codebook)
    checkpoint = work / f"{name}.teacher.pt"
    if checkpoint.exists():
        training.load(checkpoint)
    while training.step < training.recipe.steps:
        loss = training.advance()
        if training.step % CHECKPOINT_EVERY == 0 or training.step == training.recipe.steps:
            training.save(checkpoint)
        if progress:
            progress(training.step, training.recipe.steps, loss)
    return assets.store_preset(name, codebook, training.average, out)


def _codebook(world: Preset, kept: Path) -> Tensor:
    """[K, 3 p p] in [0, 1]: drawn, or learnt once and then kept: another machine's k-means may end elsewhere."""
    if not world.learnt:
        return draw_codebook(world)
    if not kept.exists():
        scenes, _ = draw_things(FIT_SCENES, world, torch.Generator().manual_seed(FIT_SEED))
        write(torch.from_numpy(learn_codes(scenes, world)) / 255, kept)
    return torch.load(kept, weights_only=True)


def read(path: Path, ours: dict[str, Any]) -> dict[str, Any]:
    """The state of a checkpoint made by recipe `ours`. Raises AssetError for another's, or one that cannot be read."""
    begin = f"Delete it, or name another folder with --work, to begin anew: rm '{path}'"
    try:
        state = torch.load(path, weights_only=True)
        recipe = state["recipe"]
    except (RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise AssetError(f"Checkpoint '{path}' cannot be read ({said}). {begin}") from error
    changed = [f"{name} {recipe.get(name)}, asked {ours[name]}" for name in ours if recipe.get(name) != ours[name]]
    if changed:
        raise AssetError(f"Checkpoint '{path}' was made by another recipe ({'; '.join(changed)}). {begin}")
    return dict(state)


def write(content: Any, path: Path) -> None:
    """Atomic. Raises OSError, also where torch.save tells of a full disk by a RuntimeError."""
    part = path.with_suffix(".part")
    try:
        torch.save(content, part)
    except RuntimeError as error:
        part.unlink(missing_ok=True)
        raise OSError(f"'{part}' cannot be written ({str(error).splitlines()[0]}); is the disk full?") from error
    os.replace(part, path)
