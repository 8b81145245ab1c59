"""What peers learn from data with: pairs (codes, condition) of the track, and conditions that are left out at random.

Letters: b samples of this rank, L tokens.
"""

import math

import torch
from torch import Tensor

from fpd_bench.bench import Condition, Track
from fpd_bench.distill import parallel


class PairSet:
    """n pairs of a track, drawn once; batches of them with repetition."""

    def __init__(self, track: Track, n: int, seed: int):
        self.codes, self.condition = track.pairs(n, seed)

    def draw(self, b: int, generator: torch.Generator) -> tuple[Tensor, Condition]:
        """Draw codes [b, L] and their conditions: this rank's rows of what is drawn for all."""
        rows = parallel.own_rows(torch.randint(len(self.codes), (b * parallel.ranks(),), generator=generator))
        return self.codes[rows.to(self.codes.device)], self.condition[rows]


def draw_uniform(shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> Tensor:
    """Draw uniform numbers [b, ...] in [0, 1): this rank's rows of what is drawn for all; shape: of this rank."""
    numbers = torch.rand(shape[0] * parallel.ranks(), *shape[1:], generator=generator)
    mine: Tensor = parallel.own_rows(numbers)
    return mine.to(device)


def leave_out(track: Track, condition: Condition, dropped: Tensor) -> Condition:
    """Replace the conditions of the rows dropped [b] by the empty one, as in training for guidance."""
    null = track.null_condition(len(condition))
    tensors = {}
    for name, given in condition.tensors.items():
        rows = dropped.to(given.device).view(-1, *(1,) * (given.dim() - 1))
        tensors[name] = torch.where(rows, null.tensors[name], given)
    return Condition(condition.texts, tensors)


def mask_share(time: Tensor, law: str = "arccos") -> Tensor:
    """Compute gamma(t), the share that is masked at time t in [0, 1], 1 = all: arccos(1 - t) / (pi / 2), the teachers'
    own law of training, or `linear`, t.
    """
    return torch.arccos(1 - time) / (math.pi / 2) if law == "arccos" else time
