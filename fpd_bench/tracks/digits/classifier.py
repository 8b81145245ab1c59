"""The network that judges digits: what FID and its kin look through, and whether a drawn digit is the one asked for.

It is trained on the train part alone, on moved images, so that its features on validation and held-out images are
those of images it has not seen; and it shares no weights with the tokenizer, the teacher or Phi.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fpd_bench.tracks.digits.data import CLASSES, DEFAULT, digits
from fpd_bench.tracks.digits.slight_moves import STRONG, move_slightly
from fpd_bench.tracks.training import ResumableTraining

FEATURES = 64  # few enough that a thousand images have a covariance of full rank


@dataclass(frozen=True)
class ClassifierRecipe:
    """How it is trained; recorded in the model card."""

    steps: int = 600
    batch: int = 64
    lr: float = 2e-3
    weight_decay: float = 0.02
    smoothing: float = 0.05
    average: float = 0.995
    seed: int = 1


class DigitClassifier(nn.Module):
    """Three convolutional levels, the mean over space, `FEATURES` features and ten logits."""

    def __init__(self) -> None:
        super().__init__()
        widths, layers = (1, 24, 48, 96), list[nn.Module]()
        for before, width in pairwise(widths):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.GroupNorm(8, width), nn.SiLU()]
            layers += [nn.Conv2d(width, width, 3, stride=2, padding=1), nn.GroupNorm(8, width), nn.SiLU()]
        self.maps = nn.Sequential(*layers)
        self.features = nn.Linear(widths[-1] * 4, FEATURES)
        self.head = nn.Linear(FEATURES, CLASSES)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Compute features and logits: [B, 1, 32, 32] in [0, 1] -> features [B, 64], logits [B, 10]."""
        quarters = F.adaptive_avg_pool2d(self.maps(images), 2).flatten(1)  # where a stroke lies matters
        features = F.silu(self.features(quarters))
        return features, self.head(features)


class ClassifierTraining(ResumableTraining):
    """Cross-entropy on moved images of the train part."""

    def __init__(self, recipe: ClassifierRecipe, preset: str = DEFAULT):
        torch.manual_seed(recipe.seed)  # initial weights
        super().__init__(recipe, DigitClassifier())
        part = digits("train", preset)
        self.images, self.labels = part.images[:, None].float() / 255, part.labels

    def loss(self) -> Tensor:
        rows = torch.randint(len(self.labels), (self.recipe.batch,), generator=self.generator)
        _, logits = self.model(move_slightly(self.images[rows], STRONG, self.generator))
        return F.cross_entropy(logits, self.labels[rows], label_smoothing=self.recipe.smoothing)


@torch.inference_mode()
def classify(network: nn.Module, images: Tensor) -> Tensor:
    """Classify images: [n, 1, 32, 32] in [0, 1] -> labels [n]."""
    return torch.cat([network(part)[1].argmax(-1) for part in images.split(250)])
