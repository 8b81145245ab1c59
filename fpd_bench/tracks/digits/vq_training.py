"""How the digits' tokenizer is learnt: reconstruction, a tether of the features to their codes, codes as averages.

The codebook follows the features by exponential averages (van den Oord et al. 2017, appendix A.1; Razavi et al. 2019);
a code that nothing chooses any more moves to a feature of the batch, or most of the codebook would stay unused.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fpd_bench.models.conv_vq import ConvVq, VqShape
from fpd_bench.tracks.digits.data import DEFAULT, digits
from fpd_bench.tracks.digits.slight_moves import SLIGHT, move_slightly
from fpd_bench.tracks.training import ResumableTraining


@dataclass(frozen=True)
class TokenizerRecipe:
    """How it is trained; recorded in the model card."""

    steps: int = 1200
    batch: int = 64
    lr: float = 1.5e-3
    weight_decay: float = 0.01
    tether: float = 0.25  # weight of the features' distance to their codes (the commitment loss)
    edges: float = 1.0  # weight of the error of differences between neighbours: blurred strokes cost more
    memory: float = 0.99  # of the codebook's averages
    idle: float = 0.4  # codes chosen less often than this, per batch on average, move
    average: float = 0.998
    seed: int = 2


class LearningVq(ConvVq):
    """With the averages that its codebook is made of: counts [K] of features that chose a code, sums [K, d] of them.

    They are buffers, so that a checkpoint has them.
    """

    counts: Tensor
    sums: Tensor

    def __init__(self, shape: VqShape):
        super().__init__(shape)
        self.register_buffer("counts", torch.ones(shape.codes))
        self.register_buffer("sums", self.codebook.clone())


class TokenizerTraining(ResumableTraining):
    """The recipe on slightly moved images of the train part."""

    model: LearningVq

    def __init__(self, recipe: TokenizerRecipe, shape: VqShape | None = None, preset: str = DEFAULT):
        torch.manual_seed(recipe.seed)  # initial weights
        super().__init__(recipe, LearningVq(shape or VqShape()))
        self.images = digits("train", preset).images[:, None].float() / 255

    def loss(self) -> Tensor:
        rows = torch.randint(len(self.images), (self.recipe.batch,), generator=self.generator)
        images = move_slightly(self.images[rows], SLIGHT, self.generator)
        features = self.model.features(images)
        if self.step == 0:
            self._follow(features.detach(), everything=True)
        codes = self.model.nearest(features.detach())
        chosen = self.model.codebook[codes]
        decoded = self.model.decode(features + (chosen - features).detach())
        tether = F.mse_loss(features, chosen)
        self._follow(features.detach(), codes)
        return _distance(decoded, images, self.recipe.edges) + self.recipe.tether * tether

    @torch.no_grad()
    def _follow(self, features: Tensor, codes: Tensor | None = None, everything: bool = False) -> None:
        """Move the codebook [K, d] towards the features [B, L, d] that chose its codes [B, L]."""
        flat, model, keep = features.flatten(0, 1), self.model, self.recipe.memory
        if codes is not None:
            one_hot = F.one_hot(codes.flatten(), model.shape.codes).to(flat)
            model.counts.mul_(keep).add_(one_hot.sum(0), alpha=1 - keep)
            model.sums.mul_(keep).add_(one_hot.T @ flat, alpha=1 - keep)
        idle = torch.ones_like(model.counts, dtype=torch.bool) if everything else model.counts < self.recipe.idle
        if idle.any():
            rows = torch.randint(len(flat), (int(idle.sum()),), generator=self.generator)
            model.sums[idle], model.counts[idle] = flat[rows], 1.0
        model.codebook.copy_(model.sums / model.counts[:, None])


def _distance(decoded: Tensor, images: Tensor, edges: float) -> Tensor:
    """Compute the mean squared and absolute error, of pixels and of the differences between neighbours."""
    error = decoded - images
    across, down = error.diff(dim=-1), error.diff(dim=-2)
    both = (across.square().mean() + down.square().mean()) / 2
    return error.square().mean() + 0.25 * error.abs().mean() + edges * both
