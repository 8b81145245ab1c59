"""Gaussian noise on the embeddings of a student's input, Di[M]O's second source of diversity (arXiv:2503.15457)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Perturbation:
    """noise [B, L, W], standard normal; sigma in [0, 1): embeddings become sigma noise + sqrt(1 - sigma^2) embeddings,
    which keeps the variance of embeddings that have variance 1. Networks apply it before positions are added."""

    noise: Tensor
    sigma: float

    def __call__(self, embeddings: Tensor) -> Tensor:
        return self.sigma * self.noise.to(embeddings) + math.sqrt(1 - self.sigma**2) * embeddings

    def __len__(self) -> int:
        return len(self.noise)

    def __getitem__(self, rows: slice) -> "Perturbation":
        return Perturbation(self.noise[rows], self.sigma)

    def to(self, device: torch.device | str) -> "Perturbation":
        """Return the same perturbation on `device`."""
        return Perturbation(self.noise.to(device), self.sigma)


def perturb(embeddings: Tensor, perturbation: Perturbation | None) -> Tensor:
    """Perturb embeddings [B, L, W]; without a perturbation they stay as they are."""
    return embeddings if perturbation is None else perturbation(embeddings)
