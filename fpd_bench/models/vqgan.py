"""The VQGAN of taming-transformers (Esser et al. 2021, arXiv:2012.09841): MaskGIT's tokenizer, f16 with 1024 codes.

Keys are taming's (MIT); published weights also hold `loss.*`, the training critic, which is ignored on loading.
Letters: B batch, L = h * w tokens of the code grid, d code dimension, H x W pixels. Images are in [-1, 1].
"""

from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from fpd_bench.models.compute import network_entry, run_block


@dataclass(frozen=True)
class VqganShape:
    """Sizes; the defaults are vqgan_imagenet_f16_1024 (72.1 M parameters)."""

    codes: int = 1024
    dim: int = 256  # d
    channels: int = 128
    multipliers: tuple[int, ...] = (1, 1, 2, 2, 4)  # of `channels`, per resolution, finest first
    blocks: int = 2  # residual blocks per resolution (the decoder has one more)
    attention: tuple[int, ...] = (16,)  # resolutions with self-attention
    resolution: int = 256
    latent: int = 256  # channels between the encoder or decoder and the 1x1 code projections

    @property
    def grid(self) -> int:
        """Return the side h = w of the code grid."""
        return self.resolution // 2 ** (len(self.multipliers) - 1)

    def attends(self, level: int) -> bool:
        """Say whether level `level`, counted from the finest, has self-attention."""
        return self.resolution // 2**level in self.attention


def _norm(channels: int) -> nn.Module:
    return nn.GroupNorm(32, channels, eps=1e-6)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with group norm and swish, plus a 1x1 shortcut where the width changes."""

    def __init__(self, inside: int, outside: int):
        super().__init__()
        self.norm1, self.conv1 = _norm(inside), nn.Conv2d(inside, outside, 3, padding=1)
        self.norm2, self.conv2 = _norm(outside), nn.Conv2d(outside, outside, 3, padding=1)
        self.nin_shortcut = nn.Conv2d(inside, outside, 1) if inside != outside else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        return self.nin_shortcut(x) + self.conv2(F.silu(self.norm2(h)))


class PixelAttention(nn.Module):
    """Single-head self-attention over all positions of a map."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = _norm(channels)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        q, k, v = (f(h).flatten(2).transpose(1, 2) for f in (self.q, self.k, self.v))
        mixed = F.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(mixed.transpose(1, 2).unflatten(2, x.shape[2:]))


class Downsample(nn.Module):
    """Halve the map; taming pads on the right and bottom only."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Double the map by repetition, then smooth it."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    """The blocks of one resolution, each followed by attention where the resolution has it."""

    def __init__(self, inside: int, outside: int, blocks: int, attends: bool):
        super().__init__()
        widths = [inside] + [outside] * blocks
        self.block = nn.ModuleList(ResidualBlock(a, b) for a, b in pairwise(widths))
        self.attn = nn.ModuleList(PixelAttention(outside) for _ in range(blocks if attends else 0))

    def forward(self, x: Tensor) -> Tensor:
        for i, block in enumerate(self.block):
            x = run_block(block, x)
            if self.attn:
                x = run_block(self.attn[i], x)
        return x


class DownLevel(Level):
    """A level of the encoder; all but the last halve the map at their end."""

    def __init__(self, inside: int, outside: int, blocks: int, attends: bool, last: bool):
        super().__init__(inside, outside, blocks, attends)
        self.downsample = nn.Identity() if last else Downsample(outside)

    def forward(self, x: Tensor) -> Tensor:
        return self.downsample(super().forward(x))


class UpLevel(Level):
    """A level of the decoder; all but the last to run, the finest, double the map at their end."""

    def __init__(self, inside: int, outside: int, blocks: int, attends: bool, last: bool):
        super().__init__(inside, outside, blocks, attends)
        self.upsample = nn.Identity() if last else Upsample(outside)

    def forward(self, x: Tensor) -> Tensor:
        return self.upsample(super().forward(x))


class Middle(nn.Module):
    """Block, attention, block at the coarsest resolution."""

    def __init__(self, channels: int):
        super().__init__()
        self.block_1, self.block_2 = ResidualBlock(channels, channels), ResidualBlock(channels, channels)
        self.attn_1 = PixelAttention(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.block_2(self.attn_1(self.block_1(x)))


class VqganEncoder(nn.Module):
    """[B, 3, H, W] -> [B, latent, h, w]."""

    def __init__(self, shape: VqganShape):
        super().__init__()
        widths = [shape.channels] + [shape.channels * m for m in shape.multipliers]
        self.conv_in = nn.Conv2d(3, shape.channels, 3, padding=1)
        self.down = nn.ModuleList(
            DownLevel(inside, outside, shape.blocks, shape.attends(i), last=i == len(widths) - 2)
            for i, (inside, outside) in enumerate(pairwise(widths))
        )
        self.mid = Middle(widths[-1])
        self.norm_out, self.conv_out = _norm(widths[-1]), nn.Conv2d(widths[-1], shape.latent, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(self.mid(x))))


class VqganDecoder(nn.Module):
    """[B, latent, h, w] -> [B, 3, H, W]; `up` is stored finest first and walked backwards, as published."""

    def __init__(self, shape: VqganShape):
        super().__init__()
        widths = [shape.channels * m for m in shape.multipliers]
        self.conv_in = nn.Conv2d(shape.latent, widths[-1], 3, padding=1)
        self.mid = Middle(widths[-1])
        self.up = nn.ModuleList(
            UpLevel(inside, outside, shape.blocks + 1, shape.attends(i), last=i == 0)
            for i, (outside, inside) in enumerate(pairwise([*widths, widths[-1]]))
        )
        self.norm_out, self.conv_out = _norm(widths[0]), nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.mid(self.conv_in(x))
        for level in reversed(self.up):
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(x)))


class Codebook(nn.Module):
    """E [K, d] with nearest-row lookup."""

    def __init__(self, codes: int, dim: int):
        super().__init__()
        self.embedding = nn.Embedding(codes, dim)

    def nearest(self, vectors: Tensor) -> Tensor:
        """Find the nearest rows: [B, L, d] -> ids [B, L] of the nearest rows (Euclidean)."""
        rows = self.embedding.weight
        distance = vectors.square().sum(-1, keepdim=True) + rows.square().sum(-1) - 2 * vectors @ rows.T
        return distance.argmin(-1)


class Vqgan(nn.Module):
    """Images [B, 3, H, W] in [-1, 1] <-> codes [B, L] or code vectors [B, L, d], row by row."""

    def __init__(self, shape: VqganShape = VqganShape()):
        super().__init__()
        self.shape = shape
        self.encoder, self.decoder = VqganEncoder(shape), VqganDecoder(shape)
        self.quantize = Codebook(shape.codes, shape.dim)
        self.quant_conv = nn.Conv2d(shape.latent, shape.dim, 1)
        self.post_quant_conv = nn.Conv2d(shape.dim, shape.latent, 1)

    @property
    def codebook(self) -> Tensor:
        """Return the codebook E, [K, d]."""
        return self.quantize.embedding.weight

    def encode(self, images: Tensor) -> Tensor:
        """Encode images: [B, 3, H, W] in [-1, 1] -> codes [B, L]."""
        return self.quantize.nearest(self.quant_conv(self.encoder(images)).flatten(2).transpose(1, 2))

    @network_entry
    def decode(self, embeddings: Tensor) -> Tensor:
        """Decode code vectors or mixtures of them [B, L, d] -> images [B, 3, H, W], about [-1, 1], not clamped."""
        side = int(embeddings.shape[1] ** 0.5)
        return self.decoder(self.post_quant_conv(embeddings.transpose(1, 2).unflatten(2, (side, side))))

    def decode_codes(self, codes: Tensor) -> Tensor:
        """Decode codes: [B, L] or [B, h, w] -> images as in `decode`; ids >= K fail, clamp a sampled mask id first."""
        return self.decode(F.embedding(codes.flatten(1), self.codebook))
