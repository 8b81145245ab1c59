"""Features of drafts of earlier steps, which repel like those of this one (drift.memory); part of a checkpoint."""

import torch
from torch import Tensor


class RememberedDrafts:
    """The last `size` drafts, oldest first: a queue."""

    def __init__(self, size: int):
        self.size = size
        self.features: Tensor | None = None  # [M <= size, F, D]

    def push(self, features: Tensor) -> None:
        """Add drafts [B, F, D]; what is older than the last `size` is forgotten."""
        new = features.detach()
        kept = new if self.features is None else torch.cat([self.features.to(new), new])  # a checkpoint lies on the CPU
        self.features = kept[-self.size :].clone()
