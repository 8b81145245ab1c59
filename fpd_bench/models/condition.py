"""A batch of conditions: texts for people, tensors for networks."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Condition:
    """What an image must show. Every tensor's first axis is the batch."""

    texts: tuple[str, ...]
    tensors: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: slice | list[int] | Tensor) -> "Condition":
        """Return the sub-batch at `index` (slice, list or 1-D integer tensor)."""
        rows = torch.arange(len(self))[index]
        tensors = {name: tensor[rows.to(tensor.device)] for name, tensor in self.tensors.items()}
        return Condition(tuple(self.texts[i] for i in rows.tolist()), tensors)

    def to(self, device: torch.device | str) -> "Condition":
        """Return the same conditions with their tensors on `device`."""
        return Condition(self.texts, {name: tensor.to(device) for name, tensor in self.tensors.items()})

    def repeat(self, n: int) -> "Condition":
        """Repeat each condition n times in a row: c0 c0 c1 c1 ..."""
        return self[torch.arange(len(self)).repeat_interleave(n)]
