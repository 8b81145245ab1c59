"""A small bidirectional transformer over [text tokens, image tokens]: the masked model of the embedded tracks.

Like MaskGIT (Chang et al. 2022) it takes no time input: the mask ratio is visible in its input. Teacher, student and
Di[M]O's auxiliary network are instances of it.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fpd_bench.models.compute import network_entry, run_block
from fpd_bench.models.condition import Condition
from fpd_bench.models.perturbation import Perturbation, perturb

PHRASE = 5  # words that each word sees of its neighbours: "red circle", "circle left of ring"


@dataclass(frozen=True)
class Shape:
    """Sizes. codes: K; the mask id is K. tokens: L. words: text vocabulary, id 0 = padding; text: words per prompt."""

    codes: int
    tokens: int
    words: int
    text: int
    width: int = 128
    depth: int = 4
    heads: int = 4


class Block(nn.Module):
    """Pre-norm self-attention and a GELU MLP."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        b, n, w = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
        x = x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, w))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class MaskedTransformer(nn.Module):
    """p(z_l | visible tokens, text) for every position l at once.

    A convolution over the words stands for the text encoder: without it the model reads a prompt as a bag of words for
    thousands of steps, and says "red circle and blue star" by a blue circle and a red star half of the time.
    """

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape, self.width = shape, shape.width
        self.token = nn.Embedding(shape.codes + 1, shape.width)
        self.word = nn.Embedding(shape.words, shape.width)
        self.token_place = nn.Parameter(torch.randn(shape.tokens, shape.width) * 0.02)
        self.word_place = nn.Parameter(torch.randn(shape.text, shape.width) * 0.02)
        self.phrase = nn.Conv1d(shape.width, shape.width, PHRASE, padding=PHRASE // 2)
        self.blocks = nn.ModuleList(Block(shape.width, shape.heads) for _ in range(shape.depth))
        self.norm = nn.LayerNorm(shape.width)
        self.head = nn.Linear(shape.width, shape.codes)
        nn.init.normal_(self.token.weight, std=0.02)
        nn.init.normal_(self.word.weight, std=0.02)

    def embeddings(self) -> list[Tensor]:
        """List the embeddings of tokens and of their places."""
        return [self.token.weight, self.token_place]

    @network_entry
    def forward(
        self,
        tokens: Tensor,
        condition: Condition,
        perturbation: Perturbation | None = None,
        extra: Tensor | None = None,
    ) -> Tensor:
        """Compute logits. tokens: ids [B, L] (mask id = K), or weights over codes and mask [B, L, K + 1] -> logits [B,
        L, K].

        Weights are mixed in this model's own embedding table: that is how soft drafts reach the teacher.
        extra [B, E, W]: more tokens, behind the positions (Di4C).
        """
        image = perturb(self.token(tokens) if tokens.dim() == 2 else tokens @ self.token.weight, perturbation)
        words = self.word(condition.tensors["words"])
        words = words + self.phrase(words.mT).mT + self.word_place
        more = [] if extra is None else [extra]
        x = torch.cat([words, image + self.token_place, *more], dim=1)
        for block in self.blocks:
            x = run_block(block, x)
        return self.head(self.norm(self.image_part(x)))

    def layers(self) -> list[nn.Module]:
        """List the blocks of the transformer."""
        return list(self.blocks)

    def image_part(self, state: Tensor) -> Tensor:
        """Cut the image's tokens out of what a block gives, [B, L, W]."""
        return state[:, self.shape.text : self.shape.text + self.shape.tokens]
