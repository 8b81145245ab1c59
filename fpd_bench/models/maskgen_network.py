"""MaskGen-L, VQ (Kim et al. 2025, arXiv:2501.07730): the text-conditional teacher of the paper.

An MM-DiT (Esser et al. 2024, arXiv:2403.03206) over [image tokens, text tokens], modulated by the pooled text and an
aesthetic score. Keys are those of bytedance/1d-tokenizer@942a96f with diffusers' joint blocks (both Apache-2.0).
Letters: B batch, L image tokens, T text tokens, K codes (mask id = K), W width. There is no dropout, and unlike the
original `forward` never masks its own input: train() and eval() give the same numbers.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fpd_bench.models.compute import network_entry, run_block
from fpd_bench.models.perturbation import Perturbation, perturb


@dataclass(frozen=True)
class MaskGenShape:
    """Sizes; the defaults are generator_maskgen_vq_l (604.3 M parameters)."""

    codes: int = 8192
    tokens: int = 128  # L
    width: int = 1024
    depth: int = 16
    heads: int = 16
    text_width: int = 768
    score_width: int = 256  # sinusoid of the aesthetic score
    unused_classes: int = 1000  # embedding rows (plus one) kept only so that published weights fit


def sinusoid(values: Tensor, width: int, max_period: float = 1000.0) -> Tensor:
    """Embed numbers: [B] -> [B, width]: sines, then cosines, of width / 2 frequencies from 1 down to about 1 /
    max_period.
    """
    half = width // 2
    places = torch.arange(half, dtype=torch.float32, device=values.device)
    angles = values.float()[:, None] * torch.exp(-math.log(max_period) * places / half)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class Modulation(nn.Module):
    """The condition's `n_vectors` vectors of width W, from the condition [B, W]; each comes out as [B, 1, W]."""

    def __init__(self, width: int, n_vectors: int):
        super().__init__()
        self.n_vectors = n_vectors
        self.linear = nn.Linear(width, n_vectors * width)

    def forward(self, condition: Tensor) -> tuple[Tensor, ...]:
        return self.linear(F.silu(condition))[:, None].chunk(self.n_vectors, dim=-1)


def modulate(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Compute norm(x) (1 + scale) + shift."""
    return F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift


class LinearGelu(nn.Module):
    """GELU (tanh) of a linear layer called `proj`."""

    def __init__(self, inside: int, outside: int):
        super().__init__()
        self.proj = nn.Linear(inside, outside)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.proj(x), approximate="tanh")


class MaskgenFeedForward(nn.Module):
    """Two layers under diffusers' names, `net.0.proj` and `net.2` (`net.1` is its dropout, unused)."""

    def __init__(self, width: int):
        super().__init__()
        self.net = nn.Sequential(LinearGelu(width, 4 * width), nn.Identity(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class JointAttention(nn.Module):
    """Attention over image and text together; each modality has its own projections."""

    def __init__(self, width: int, heads: int, text_out: bool):
        super().__init__()
        self.heads = heads
        self.to_q, self.to_k, self.to_v = (nn.Linear(width, width) for _ in range(3))
        self.add_q_proj, self.add_k_proj, self.add_v_proj = (nn.Linear(width, width) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(width, width)])
        self.to_add_out = nn.Linear(width, width) if text_out else None

    def forward(self, image: Tensor, text: Tensor) -> tuple[Tensor, Tensor | None]:
        pairs = ((self.to_q, self.add_q_proj), (self.to_k, self.add_k_proj), (self.to_v, self.add_v_proj))
        q, k, v = (
            torch.cat([of_image(image), of_text(text)], dim=1).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for of_image, of_text in pairs
        )
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        image_out, text_out = mixed.split([image.shape[1], text.shape[1]], dim=1)
        return self.to_out[0](image_out), None if self.to_add_out is None else self.to_add_out(text_out)


class JointBlock(nn.Module):
    """One MM-DiT block; the last one (`text_out=False`) reads the text but does not update it."""

    def __init__(self, width: int, heads: int, text_out: bool):
        super().__init__()
        self.norm1, self.norm1_context = Modulation(width, 6), Modulation(width, 6 if text_out else 2)
        self.attn = JointAttention(width, heads, text_out)
        self.ff = MaskgenFeedForward(width)
        self.ff_context = MaskgenFeedForward(width) if text_out else None

    def forward(self, image: Tensor, text: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        shift, scale, gate, *image_mlp = self.norm1(condition)
        context = self.norm1_context(condition)
        # the six-part and the two-part modulation are published with scale and shift in opposite order
        text_scale, text_shift = (context[0], context[1]) if self.ff_context is None else (context[1], context[0])
        image_add, text_add = self.attn(modulate(image, scale, shift), modulate(text, text_scale, text_shift))
        image = _feed(image + gate * image_add, self.ff, image_mlp)
        if self.ff_context is None or text_add is None:
            return image, text
        return image, _feed(text + context[2] * text_add, self.ff_context, context[3:])


def _feed(x: Tensor, feed_forward: nn.Module, modulation: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
    shift, scale, gate = modulation
    return x + gate * feed_forward(modulate(x, scale, shift))


class MaskGen(nn.Module):
    """p(z_l | visible tokens, text). The output head is the first K rows of the input embedding."""

    tied: ClassVar[dict[str, str]] = {"lm_head.weight": "embeddings.weight"}  # the same tensor under two keys

    def __init__(self, shape: MaskGenShape = MaskGenShape()):
        super().__init__()
        self.shape = shape
        width = shape.width
        rows = shape.codes + 1 + shape.unused_classes + 1
        self.embeddings = nn.Embedding(rows, width)
        self.pos_embed = nn.Parameter(nn.init.trunc_normal_(torch.zeros(1, shape.tokens, width), 0.0, 0.02))
        self.text_embed_proj = nn.Linear(shape.text_width, width)
        self.cond_pooled_proj = nn.Linear(shape.text_width + shape.score_width, width)
        self.blocks = nn.ModuleList(
            JointBlock(width, shape.heads, text_out=i < shape.depth - 1) for i in range(shape.depth)
        )
        self.norm = Modulation(width, 2)
        self.lm_head = nn.Linear(width, rows, bias=False)
        self.lm_head.weight = self.embeddings.weight

    def embed(self, tokens: Tensor) -> Tensor:
        """Embed ids [B, L], or weights over codes and mask [B, L, K + 1] -> embeddings [B, L, W]."""
        if tokens.is_floating_point():
            return tokens @ self.embeddings.weight[: self.shape.codes + 1]
        return self.embeddings(tokens)

    @network_entry
    def forward(
        self,
        tokens: Tensor,
        text: Tensor,
        pooled: Tensor,
        score: Tensor,
        perturbation: Perturbation | None = None,
        extra: Tensor | None = None,
    ) -> Tensor:
        """Compute logits [B, L, K], without a mask class.

        tokens: see `embed`. text [B, T, text_width]: `TextStates.penultimate`. pooled [B, 1, text_width]:
        `TextStates.pooled`. score [B]: aesthetic score, about 4..7; the published sampler uses 6.5.
        extra [B, E, W]: more tokens, behind those of the image (Di4C).
        """
        micro = sinusoid(score * 100, self.shape.score_width).to(pooled.dtype)
        condition = self.cond_pooled_proj(torch.cat([pooled[:, 0], micro], dim=-1))
        image = perturb(self.embed(tokens), perturbation) + self.pos_embed
        if extra is not None:
            image = torch.cat([image, extra], dim=1)
        words = self.text_embed_proj(text)
        for block in self.blocks:
            image, words = run_block(block, image, words, condition)
        scale, shift = self.norm(condition)
        return modulate(image[:, : self.shape.tokens], scale, shift) @ self.embeddings.weight[: self.shape.codes].T
