"""TA-TiTok (Kim et al. 2025, arXiv:2501.07730), MaskGen's tokenizer: 128 tokens, decoded with the caption's help.

Keys are those of bytedance/1d-tokenizer@942a96f (Apache-2.0). Letters: B batch, L latent tokens, d code dimension,
P = (H / patch)^2 patches, T text tokens. Images are in [0, 1].
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fpd_bench.models.clip_text import ResidualAttentionBlock
from fpd_bench.models.compute import network_entry, run_block
from fpd_bench.models.vqgan import Codebook


@dataclass(frozen=True)
class VitSize:
    """Width, layers and heads of one of the two transformers."""

    width: int
    layers: int
    heads: int


@dataclass(frozen=True)
class TaTiTokShape:
    """Sizes; the defaults are tokenizer_tatitok_bl128_vq (391.0 M parameters)."""

    codes: int = 8192
    dim: int = 64  # d
    tokens: int = 128  # L
    resolution: int = 256
    patch: int = 16
    encoder: VitSize = VitSize(768, 12, 12)
    decoder: VitSize = VitSize(1024, 24, 16)
    text_tokens: int = 77  # T
    text_width: int = 768

    @property
    def grid(self) -> int:
        """Return the number of patches per side."""
        return self.resolution // self.patch


def _noise(*size: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(*size) * size[-1] ** -0.5)


class _Vit(nn.Module):
    """What encoder and decoder share: places for [class, patches] and for the latent tokens, and the blocks."""

    def __init__(self, shape: TaTiTokShape, size: VitSize):
        super().__init__()
        self.shape = shape
        self.class_embedding = _noise(1, size.width)
        self.positional_embedding = _noise(shape.grid**2 + 1, size.width)
        self.latent_token_positional_embedding = _noise(shape.tokens, size.width)
        self.ln_pre, self.ln_post = nn.LayerNorm(size.width), nn.LayerNorm(size.width)
        self.transformer = nn.ModuleList(
            ResidualAttentionBlock(size.width, size.heads, nn.GELU()) for _ in range(size.layers)
        )

    def with_class(self, patches: Tensor) -> Tensor:
        """Put the class token first: [B, P, W] -> [B, 1 + P, W] with positions added."""
        start = self.class_embedding.expand(len(patches), 1, -1)
        return torch.cat([start, patches], dim=1) + self.positional_embedding

    def run(self, sequence: Tensor) -> Tensor:
        """Run all blocks over [B, n, W]."""
        x = self.ln_pre(sequence)
        for block in self.transformer:
            x = run_block(block, x)
        return x


class TatitokEncoder(_Vit):
    """Images [B, 3, H, W] -> latent vectors [B, L, d], before quantisation."""

    def __init__(self, shape: TaTiTokShape):
        super().__init__(shape, shape.encoder)
        width = shape.encoder.width
        self.patch_embed = nn.Conv2d(3, width, shape.patch, stride=shape.patch)
        self.conv_out = nn.Conv2d(width, shape.dim, 1)

    def forward(self, images: Tensor, latents: Tensor) -> Tensor:
        patches = self.with_class(self.patch_embed(images).flatten(2).transpose(1, 2))
        queries = (latents + self.latent_token_positional_embedding).expand(len(images), -1, -1)
        x = self.run(torch.cat([patches, queries], dim=1))[:, patches.shape[1] :]
        return self.conv_out(self.ln_post(x).transpose(1, 2)[..., None])[..., 0].transpose(1, 2)


class TatitokDecoder(_Vit):
    """Code vectors [B, L, d] and text [B, T, text_width] -> images [B, 3, H, W]."""

    def __init__(self, shape: TaTiTokShape):
        super().__init__(shape, shape.decoder)
        width = shape.decoder.width
        self.mask_token = _noise(1, 1, width)
        self.text_guidance_positional_embedding = _noise(shape.text_tokens, width)
        self.decoder_embed = nn.Linear(shape.dim, width)
        self.text_guidance_proj = nn.Linear(shape.text_width, width)
        self.ffn = nn.Sequential(nn.Conv2d(width, 3 * shape.patch**2, 1))
        self.conv_out = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, embeddings: Tensor, text: Tensor) -> Tensor:
        grid = self.shape.grid
        patches = self.with_class(self.mask_token.expand(len(embeddings), grid**2, -1))
        codes = self.decoder_embed(embeddings) + self.latent_token_positional_embedding
        guide = self.text_guidance_proj(text) + self.text_guidance_positional_embedding
        x = self.run(torch.cat([patches, codes, guide], dim=1))[:, 1 : 1 + grid**2]
        x = self.ffn(self.ln_post(x).transpose(1, 2).unflatten(2, (grid, grid)))
        return self.conv_out(self._unpatch(x))

    def _unpatch(self, x: Tensor) -> Tensor:
        """Put patches together: [B, (p p 3), g, g] -> [B, 3, g p, g p]; the colour is the fastest axis, unlike in
        F.pixel_shuffle.
        """
        p, grid = self.shape.patch, self.shape.grid
        return x.view(len(x), p, p, 3, grid, grid).permute(0, 3, 4, 1, 5, 2).reshape(len(x), 3, grid * p, grid * p)


class ClusteredCodebook(Codebook):
    """A codebook with the usage statistics of its training (`embed_prob`), kept so that published weights fit.

    Nothing here reads them, and weights of a codebook that was trained without (`clustering_vq: False`) have none.
    """

    def __init__(self, codes: int, dim: int):
        super().__init__(codes, dim)
        self.register_buffer("embed_prob", torch.zeros(codes))


class TaTiTok(nn.Module):
    """Images [B, 3, H, W] in [0, 1] <-> codes [B, L] or code vectors [B, L, d]; decoding needs the caption."""

    unread: ClassVar[tuple[str, ...]] = ("quantize.embed_prob",)  # weights may lack them

    def __init__(self, shape: TaTiTokShape = TaTiTokShape()):
        super().__init__()
        self.shape = shape
        self.encoder, self.decoder = TatitokEncoder(shape), TatitokDecoder(shape)
        self.latent_tokens = _noise(shape.tokens, shape.encoder.width)
        self.quantize = ClusteredCodebook(shape.codes, shape.dim)

    @property
    def codebook(self) -> Tensor:
        """Return the codebook E, [K, d]."""
        return self.quantize.embedding.weight

    def encode(self, images: Tensor) -> Tensor:
        """Encode images: [B, 3, H, W] in [0, 1] -> codes [B, L]."""
        return self.quantize.nearest(self.encoder(images, self.latent_tokens))

    @network_entry
    def decode(self, embeddings: Tensor, text: Tensor) -> Tensor:
        """Decode code vectors or mixtures [B, L, d] and text [B, T, text_width] (`TextStates.last`) -> images, not
        clamped.
        """
        return self.decoder(embeddings, text)

    def decode_codes(self, codes: Tensor, text: Tensor) -> Tensor:
        """Decode codes: [B, L] -> images as in `decode`."""
        return self.decode(F.embedding(codes, self.codebook), text)
