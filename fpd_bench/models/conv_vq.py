"""A small convolutional VQ autoencoder (van den Oord et al. 2017): images to a grid of codes and, much deeper, back.

Space is folded into channels at both ends, so that no convolution runs at full size: that is where a CPU loses time.
Letters: B batch, L tokens, K codes, d code dimension.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fpd_bench.models.compute import network_entry, run_block

GROUPS = 8


@dataclass(frozen=True)
class VqShape:
    """Sizes. pixels: image side; channels: of the images; codes: K; dim: d; widths: from the finest level, at half of
    the pixels, to the coarsest, where the codes lie; encoder, decoder: residual blocks at each level."""

    pixels: int = 32
    channels: int = 1
    codes: int = 256
    dim: int = 16
    widths: tuple[int, ...] = (32, 64, 128)
    encoder: int = 1
    decoder: int = 2

    @property
    def grid(self) -> int:
        """Return the number of codes along a side: the first level is at half of the pixels, each next one at half
        of that.
        """
        return self.pixels >> len(self.widths)


class ConvResidual(nn.Module):
    """Two 3 x 3 convolutions, each after norm and SiLU, added to the input."""

    def __init__(self, width: int):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(GROUPS, width), nn.GroupNorm(GROUPS, width)
        self.conv1, self.conv2 = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))


def encoder_of(shape: VqShape) -> nn.Sequential:
    """Build the encoder [B, C, H, W] -> [B, d, grid, grid]."""
    layers: list[nn.Module] = [nn.PixelUnshuffle(2), nn.Conv2d(4 * shape.channels, shape.widths[0], 3, padding=1)]
    for level, width in enumerate(shape.widths):
        if level:
            layers.append(nn.Conv2d(shape.widths[level - 1], width, 3, stride=2, padding=1))
        layers += [ConvResidual(width) for _ in range(shape.encoder)]
    return nn.Sequential(*layers, nn.GroupNorm(GROUPS, shape.widths[-1]), nn.SiLU(), nn.Conv2d(width, shape.dim, 1))


def decoder_of(shape: VqShape) -> nn.Sequential:
    """Build the decoder [B, d, grid, grid] -> [B, C, H, W]."""
    widths = shape.widths[::-1]
    layers: list[nn.Module] = [nn.Conv2d(shape.dim, widths[0], 3, padding=1)]
    for level, width in enumerate(widths):
        if level:
            layers += [nn.Conv2d(widths[level - 1], width, 1), nn.Upsample(scale_factor=2)]
        layers += [ConvResidual(width) for _ in range(shape.decoder)]
    last = [nn.GroupNorm(GROUPS, width), nn.SiLU(), nn.Conv2d(width, 4 * shape.channels, 3, padding=1)]
    return nn.Sequential(*layers, *last, nn.PixelShuffle(2))


class ConvVq(nn.Module):
    """Encoder, codebook [K, d] and decoder; how the codebook is learnt is the trainer's affair."""

    codebook: Tensor

    def __init__(self, shape: VqShape):
        super().__init__()
        self.shape = shape
        self.encoder, self.decoder = encoder_of(shape), decoder_of(shape)
        self.register_buffer("codebook", torch.randn(shape.codes, shape.dim))

    @network_entry
    def features(self, images: Tensor) -> Tensor:
        """Encode images: [B, C, H, W] in [0, 1] -> what is quantised, [B, L, d], row by row of the grid."""
        found: Tensor = run_block(self.encoder, images)
        return found.flatten(2).mT

    def nearest(self, features: Tensor) -> Tensor:
        """Find the nearest codebook rows: [B, L, d] -> codes [B, L]."""
        return torch.cdist(features.flatten(0, 1), self.codebook).argmin(-1).view(features.shape[:-1])

    @network_entry
    def decode(self, embeddings: Tensor) -> Tensor:
        """Decode embeddings: [B, L, d], rows of the codebook or mixtures of them -> images [B, C, H, W], about [0,
        1], not clamped.
        """
        grid = embeddings.mT.unflatten(-1, (self.shape.grid, self.shape.grid))
        images: Tensor = run_block(self.decoder, grid.contiguous())
        return images
