"""Train a masked teacher: hide tokens of real codes, predict all of them (Eq. 2).

A fraction (2 / pi) arccos(u) of the tokens is hidden, the cross-entropy is over all positions (as MaskGIT's code does),
and the condition is dropped for a tenth of the batch so that guidance works. In half of the images some visible tokens
are wrong: a teacher that has only ever seen true context believes every fragment of a bad draft and cannot repair it
(docs/dynamics.md).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from fpd_bench.models.condition import Condition
from fpd_bench.models.masking import draw_damage, draw_ratios
from fpd_bench.models.transformer import MaskedTransformer, Shape
from fpd_bench.tracks.training import ResumableTraining

Draw = Callable[[int, Generator], tuple[Tensor, Condition]]  # n -> codes [n, L], condition


@dataclass(frozen=True)
class Recipe:
    """How a teacher is trained; recorded in the model card."""

    steps: int = 2500
    batch: int = 128
    lr: float = 1e-3
    weight_decay: float = 0.01
    text_drop: float = 0.1
    damaged: float = 0.5  # share of images with wrong visible tokens
    damage: float = 0.3  # at most this share of them, uniform: random codes, as in z_init
    average: float = 0.999
    width: int = 128
    depth: int = 4
    heads: int = 4
    seed: int = 0
    begin: str = ""  # the plain preset whose teacher is trained on; "" = from nothing


class TeacherTraining(ResumableTraining):
    """draw: real codes and their conditions. shape: of the transformer, without the recipe's width, depth, heads.

    begin: the network that is trained on, if not one from nothing.
    """

    def __init__(
        self,
        recipe: Recipe,
        codes: int,
        tokens: int,
        words: int,
        text: int,
        draw: Draw,
        begin: MaskedTransformer | None = None,
    ):
        torch.manual_seed(recipe.seed)  # initial weights
        shape = Shape(codes, tokens, words, text, recipe.width, recipe.depth, recipe.heads)
        super().__init__(recipe, MaskedTransformer(shape) if begin is None else begin)
        self.draw, self.codes = draw, codes

    def loss(self) -> Tensor:
        """Compute the cross-entropy of a fresh batch."""
        codes, condition = self.draw(self.recipe.batch, self.generator)
        return self.loss_of(codes, self._drop_text(condition))

    def loss_of(self, codes: Tensor, condition: Condition) -> Tensor:
        """Compute the cross-entropy of these codes [B, L], with masks and mistakes of its own."""
        ratios = draw_ratios(len(codes), "arccos", 0.0, 1.0, self.generator)
        hidden = draw_damage(ratios, codes.shape[1], self.generator)
        tokens = self._with_mistakes(codes).masked_fill(hidden, self.codes)
        return F.cross_entropy(self.model(tokens, condition).flatten(0, 1), codes.flatten())

    def _drop_text(self, condition: Condition) -> Condition:
        keep = torch.rand(len(condition), 1, generator=self.generator) >= self.recipe.text_drop
        return Condition(condition.texts, {"words": condition.tensors["words"] * keep})

    def _with_mistakes(self, codes: Tensor) -> Tensor:
        n = len(codes)
        share = torch.rand(n, 1, generator=self.generator) * self.recipe.damage
        share *= torch.rand(n, 1, generator=self.generator) < self.recipe.damaged
        wrong = torch.rand(codes.shape, generator=self.generator) < share
        noise = torch.randint(self.codes, codes.shape, generator=self.generator)
        return torch.where(wrong, noise, codes)
