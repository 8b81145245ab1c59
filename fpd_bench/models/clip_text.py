"""CLIP's text tower (Radford et al. 2021, arXiv:2103.00020) with QuickGELU, read out as MaskGen and TA-TiTok read it.

Keys are those of OpenAI's and open_clip's checkpoints without the visual tower. Letters: B batch, T tokens, W width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class ClipTextShape:
    """Sizes; the defaults are ViT-L/14-336 (openai)."""

    context: int = 77  # T
    vocabulary: int = 49408
    width: int = 768
    heads: int = 12
    layers: int = 12
    projection: int = 768


@dataclass(frozen=True)
class TextStates:
    """The three tensors the text-to-image models want; they are not interchangeable."""

    penultimate: Tensor  # [B, T, W], before the last block, no final norm: MaskGen's condition
    last: Tensor  # [B, T, W], after the last block and the final norm: TA-TiTok's guidance
    pooled: Tensor  # [B, 1, projection], `last` at the end-of-text token, projected: MaskGen's pooled condition


class QuickGelu(nn.Module):
    """x sigmoid(1.702 x). Weights trained with it degrade under the exact GELU (open_clip#771)."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class Mlp(nn.Sequential):
    """Linear, activation, linear, under CLIP's names."""

    def __init__(self, width: int, activation: nn.Module):
        super().__init__()
        self.add_module("c_fc", nn.Linear(width, 4 * width))
        self.add_module("gelu", activation)
        self.add_module("c_proj", nn.Linear(4 * width, width))


class ResidualAttentionBlock(nn.Module):
    """CLIP's pre-norm block; TA-TiTok uses the same with another activation."""

    def __init__(self, width: int, heads: int, activation: nn.Module):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = Mlp(width, activation)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        h = self.ln_1(x)
        x = x + self.attn(h, h, h, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


class _Stack(nn.Module):
    def __init__(self, shape: ClipTextShape):
        super().__init__()
        self.resblocks = nn.ModuleList(
            ResidualAttentionBlock(shape.width, shape.heads, QuickGelu()) for _ in range(shape.layers)
        )


class ClipText(nn.Module):
    """Token ids -> `TextStates`."""

    def __init__(self, shape: ClipTextShape = ClipTextShape()):
        super().__init__()
        self.shape = shape
        self.token_embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.positional_embedding = nn.Parameter(torch.randn(shape.context, shape.width) * 0.01)
        self.transformer = _Stack(shape)
        self.ln_final = nn.LayerNorm(shape.width)
        self.text_projection = nn.Parameter(torch.randn(shape.width, shape.projection) * shape.width**-0.5)

    def forward(self, ids: Tensor) -> TextStates:
        """Encode ids [B, T], padded after the end-of-text token, which must be the largest id of its row."""
        x = self.token_embedding(ids) + self.positional_embedding
        causal = torch.full((ids.shape[1], ids.shape[1]), float("-inf"), device=x.device, dtype=x.dtype).triu(1)
        *first, final = self.transformer.resblocks
        for block in first:
            x = block(x, causal)
        last = self.ln_final(final(x, causal))
        end = last[torch.arange(len(ids), device=ids.device), ids.argmax(-1)]
        return TextStates(penultimate=x, last=last, pooled=(end @ self.text_projection)[:, None])
