"""MaskGIT-pytorch v1 (Besnier and Chen 2023, arXiv:2310.14400): the class-conditional teacher of the paper.

Keys and numbers are those of valeoai/Maskgit-pytorch@5ce6c9e (MIT), whose weights are `MaskGIT_ImageNet_256.pth`. The
head of that repository is Halton-MaskGIT, another model with other keys; `weight_loading.py` recognises it.
Letters: B batch, L = grid * grid tokens, K codes (mask id = K), W width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fpd_bench.models.compute import network_entry, run_block
from fpd_bench.models.perturbation import Perturbation, perturb


@dataclass(frozen=True)
class MaskGitShape:
    """Sizes; the defaults are the published ImageNet 256 x 256 model (174.2 M parameters)."""

    codes: int = 1024
    grid: int = 16
    classes: int = 1000
    width: int = 768
    depth: int = 24
    heads: int = 16
    hidden: int = 3072
    dropout: float = 0.1

    @property
    def tokens(self) -> int:
        """Return L, the number of image tokens; the sequence has one more, the class, at its end."""
        return self.grid * self.grid


class SelfAttention(nn.Module):
    """Multi-head self-attention; a module of its own because the published keys say `fn.mha`."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.mha = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.mha(x, x, x, need_weights=False)[0]


class MaskgitFeedForward(nn.Module):
    """Two linear layers with an exact GELU between them."""

    def __init__(self, width: int, hidden: int, dropout: float):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, width), nn.Dropout(dropout)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class MaskgitResidual(nn.Module):
    """x + fn(norm(x))."""

    def __init__(self, width: int, fn: nn.Module):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fn = fn

    def forward(self, x: Tensor) -> Tensor:
        return x + self.fn(self.norm(x))


class MaskgitEncoder(nn.Module):
    """`depth` pairs of attention and feed-forward."""

    def __init__(self, shape: MaskGitShape):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                MaskgitResidual(shape.width, SelfAttention(shape.width, shape.heads, shape.dropout)),
                MaskgitResidual(shape.width, MaskgitFeedForward(shape.width, shape.hidden, shape.dropout)),
            )
            for _ in range(shape.depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = run_block(layer, x)
        return x


class MaskGit(nn.Module):
    """p(z_l | visible tokens, class). It takes no time: the mask ratio is visible in its input.

    Embedding rows: 0..K-1 codes, K mask, K+1+y class y, the last the dropped class. Dropout is active in train().
    """

    def __init__(self, shape: MaskGitShape = MaskGitShape()):
        super().__init__()
        self.shape = shape
        rows, width = shape.codes + 1 + shape.classes + 1, shape.width

        def norm() -> nn.Module:
            return nn.LayerNorm(width, eps=1e-12)

        def linear() -> nn.Module:
            return nn.Linear(width, width)

        drop = nn.Dropout(shape.dropout)
        self.tok_emb = nn.Embedding(rows, width)
        self.pos_emb = nn.Parameter(nn.init.trunc_normal_(torch.zeros(1, shape.tokens + 1, width), 0.0, 0.02))
        self.first_layer = nn.Sequential(norm(), drop, linear(), nn.GELU(), norm(), drop, linear())
        self.transformer = MaskgitEncoder(shape)
        self.last_layer = nn.Sequential(norm(), drop, linear(), nn.GELU(), norm())
        self.bias = nn.Parameter(torch.zeros(shape.tokens + 1, rows))

    def embed(self, tokens: Tensor) -> Tensor:
        """Embed ids [B, L] or [B, grid, grid], or weights over codes and mask [B, L, K + 1] -> embeddings [B, L, W]."""
        if tokens.is_floating_point():
            return tokens @ self.tok_emb.weight[: self.shape.codes + 1]
        return self.tok_emb(tokens.flatten(1))

    def forward_embedded(
        self, embeddings: Tensor, labels: Tensor, dropped: Tensor | None = None, extra: Tensor | None = None
    ) -> Tensor:
        """Compute logits as `forward` does, from image embeddings [B, L, W] before the positions are added (Di[M]O
        perturbs them there). extra [B, E, W]: more tokens, behind the positions (Di4C).
        """
        shape = self.shape
        rows = labels.flatten() + shape.codes + 1
        if dropped is not None:
            rows = rows.masked_fill(dropped, shape.codes + 1 + shape.classes)
        x = torch.cat([embeddings, self.tok_emb(rows)[:, None]], dim=1) + self.pos_emb
        if extra is not None:
            x = torch.cat([x, extra], dim=1)
        x = self.last_layer(self.transformer(self.first_layer(x)))[:, : shape.tokens]
        kept = shape.codes + 1
        return x @ self.tok_emb.weight[:kept].T + self.bias[: shape.tokens, :kept]

    @network_entry
    def forward(
        self,
        tokens: Tensor,
        labels: Tensor,
        dropped: Tensor | None = None,
        perturbation: Perturbation | None = None,
        extra: Tensor | None = None,
    ) -> Tensor:
        """Compute logits. tokens: see `embed`; labels [B] in 0..classes-1; dropped [B] bool, True = unconditional.

        Returns logits [B, L, K + 1]: the model can predict the mask id, which the published sampler clamps to K - 1.
        """
        return self.forward_embedded(perturb(self.embed(tokens), perturbation), labels, dropped, extra)
