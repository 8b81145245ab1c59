"""A light projected discriminator (Sauer et al. 2021, arXiv:2111.01007; Sauer et al. 2022, arXiv:2202.00273).

Deviations from the published one: one feature network (the track's own Phi) instead of two, random 1 x 1 mixing
without the bottom-up cross-scale mixing, group norm instead of batch norm (statistics of a batch of a few prompts
would tell real from fake by themselves), one convolution per head. Unconditional, as in the paper.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from fpd_bench.models.backbones import FeatureBackbone


class LightDiscriminator(nn.Module):
    """Frozen features -> frozen random 1 x 1 convolutions -> one trained head per block -> logit maps.

    blocks: which maps of the backbone are judged; default: its second to fourth (strides 4, 8, 16 of Lite0), of a
    transformer the ends of its quarters (2, 5, 8, 11 of a ViT-B).
    width: channels after the random projection. seed: of projections and heads.
    """

    def __init__(self, backbone: FeatureBackbone, blocks: Sequence[int] | None = None, width: int = 64, seed: int = 0):
        super().__init__()
        self.backbone = backbone.select(_judged_blocks(backbone) if blocks is None else blocks)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.projections = nn.ModuleDict()
            self.heads = nn.ModuleDict()
            for block in self.backbone.blocks:
                projection = nn.Conv2d(self.backbone.channels[block], width, 1, bias=False)
                nn.init.kaiming_normal_(projection.weight, nonlinearity="linear")
                self.projections[str(block)] = projection.requires_grad_(False)
                self.heads[str(block)] = _make_head(width, halve=self.backbone.strides[block] <= 8)

    def forward(self, images: Tensor, augment: Callable[[Tensor], Tensor] | None = None) -> list[Tensor]:
        """Judge images: [B, 3, H, W] in [0, 1] -> one map of logits [B, 1, h, w] per block, shallow first; > 0
        means real.
        """
        features = self.backbone(images if augment is None else augment(images))
        return [self.heads[str(b)](self.projections[str(b)](features[b])) for b in self.backbone.blocks]

    @property
    def networks(self) -> int:
        """Return how many feature networks look at an image, each after an augmentation of its own."""
        return 1

    def trained(self) -> Iterator[nn.Parameter]:
        """Give the parameters that are trained: the heads'."""
        return self.heads.parameters()


def _judged_blocks(backbone: FeatureBackbone) -> Sequence[int]:
    """Choose maps of several scales, or of several depths where all have the same scale."""
    valid = backbone.valid_blocks
    if len(set(backbone.strides.values())) > 1:
        return valid[1:4]
    return sorted({max(0, round(len(valid) * part / 4) - 1) for part in (1, 2, 3, 4)})


def _make_head(width: int, halve: bool) -> nn.Module:
    """Build a head of two spectral-norm convolutions; `halve` halves large maps first."""
    size, stride = (4, 2) if halve else (3, 1)
    return nn.Sequential(
        spectral_norm(nn.Conv2d(width, width, size, stride, padding=1)),
        nn.GroupNorm(8, width),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(width, 1, 3, padding=1)),
    )
