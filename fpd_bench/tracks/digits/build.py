"""Train the networks of the digits track and write its assets: classifier, tokenizer, teacher, and their numbers.

Each is checkpointed in the work folder, so that a killed build goes on where it stood; one that is finished is read
back. Only the train part is seen.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Generator, Tensor

from fpd_bench.models.condition import Condition
from fpd_bench.tracks.digits.assets import store_part
from fpd_bench.tracks.digits.classifier import ClassifierRecipe, ClassifierTraining
from fpd_bench.tracks.digits.data import digits
from fpd_bench.tracks.digits.files import PARTS
from fpd_bench.tracks.digits.language import WORDS, condition_of_labels
from fpd_bench.tracks.digits.model_card import write_card
from fpd_bench.tracks.digits.slight_moves import SLIGHT, move_slightly
from fpd_bench.tracks.digits.tokenizer import DigitsTokenizer
from fpd_bench.tracks.digits.vq_training import TokenizerRecipe, TokenizerTraining
from fpd_bench.tracks.masked_training import Recipe, TeacherTraining

MOVE_SEED = 3
Progress = Callable[[str, int, int, float], None]  # (network, step, steps, loss)


@dataclass(frozen=True)
class Recipes:
    """How the three networks of a preset are trained. copies: of every train image, differently moved, that the teacher
    learns from."""

    classifier: ClassifierRecipe = field(default_factory=ClassifierRecipe)
    tokenizer: TokenizerRecipe = field(default_factory=TokenizerRecipe)
    teacher: Recipe = field(default_factory=lambda: Recipe(steps=1500, batch=64, lr=1.5e-3, average=0.998))

    copies: int = 8

    def with_steps(self, steps: int) -> "Recipes":
        """Return the same recipes with this many steps for each network."""
        recipes = {name: replace(getattr(self, name), steps=steps) for name in PARTS}
        return replace(self, **recipes)


RECIPES = {
    "default": Recipes(),
    "fashion": Recipes(ClassifierRecipe(steps=3000), copies=1),  # of 50,000 images one copy is as many
}


def build(name: str, work: Path, out: Path, recipes: Recipes, progress: Progress) -> Path:
    """Train preset `name` with checkpoints in `work` and write its assets to `out`; return that folder."""
    for folder in (work, out):  # so that a folder that cannot be written to fails now, not after hours of training
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass

    def checkpoint(part: str) -> Path:
        return work / f"digits.{name}.{part}.pt"

    def progress_of(part: str) -> Callable[[int, int, float], None]:
        return lambda step, steps, loss: progress(part, step, steps, loss)

    classifier = ClassifierTraining(recipes.classifier, name)
    store_part("classifier", name, classifier.finish(checkpoint("classifier"), progress_of("classifier")), out)
    tokenizer = TokenizerTraining(recipes.tokenizer, preset=name)
    network = tokenizer.finish(checkpoint("tokenizer"), progress_of("tokenizer"))
    store_part("tokenizer", name, network, out)
    shape, draw = tokenizer.model.shape, MovedCodes(DigitsTokenizer(tokenizer.average), name, recipes.copies)
    teacher = TeacherTraining(recipes.teacher, shape.codes, shape.grid**2, WORDS, 1, draw)
    store_part("teacher", name, teacher.finish(checkpoint("teacher"), progress_of("teacher")), out)
    write_card(name, out)
    return out


class MovedCodes:
    """The train images as codes, each in many slightly moved copies: encoded once, drawn from ever after."""

    def __init__(self, tokenizer: DigitsTokenizer, preset: str, many: int):
        part, generator = digits("train", preset), Generator().manual_seed(MOVE_SEED)
        grey = part.images[:, None].float() / 255
        copies = [tokenizer.encode(move_slightly(grey, SLIGHT, generator)) for _ in range(many)]
        self._codes, self._labels = torch.stack(copies), part.labels

    def __call__(self, n: int, generator: Generator) -> tuple[Tensor, Condition]:
        """Draw n images: codes [n, L] and their classes."""
        rows = torch.randint(len(self._labels), (n,), generator=generator)
        copies = torch.randint(len(self._codes), (n,), generator=generator)
        return self._codes[copies, rows], condition_of_labels(self._labels[rows])
