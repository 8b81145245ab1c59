"""MaskGIT v1's multi-step sampler (valeoai/Maskgit-pytorch@5ce6c9e, Trainer/vit.py:sample), the teacher of Table 2.

Guidance w is the repository's: (1 + w) c - w u, so w = s - 1 of Di[M]O's u + s (c - u).
Letters: B batch, L tokens, K codes (mask id = K).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from fpd_bench.errors import ConfigError, UnknownName
from fpd_bench.models.sampling import waiting_times

SCHEDULES: dict[str, Callable[[Tensor], Tensor]] = {
    "root": lambda r: 1 - r.sqrt(),
    "linear": lambda r: 1 - r,
    "square": lambda r: 1 - r.square(),
    "cosine": lambda r: torch.cos(r * math.pi * 0.5),
    "arccos": lambda r: torch.arccos(r) / (math.pi * 0.5),
}
ORDERS = ("linear", "warm_up", "random", "none")

# (codes [B, L], labels [B], dropped [B] bool) -> logits [B, L, K + 1]
Model = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class MaskGitSampling:
    """Settings; the defaults are the published 256 x 256 ones (FID 6.80 with the repository's own evaluator).

    order: how the next tokens are chosen. linear = confidence plus Gumbel noise that fades over the steps;
    warm_up = at random in the first two steps; random = at random; none = by confidence alone.
    ramp: w grows linearly from 0 to its value over the steps; False, and always with one step = constant (ReDi).
    allow_mask: the mask id can be sampled; it then stays visible as such, and ends as code K - 1. False is ReDi's way.
    """

    steps: int = 8
    guidance: float = 3.0
    schedule: str = "arccos"
    order: str = "linear"
    gumbel_temperature: float = 4.5
    softmax_scale: float = 1.0  # multiplies the logits, although the repository calls it a temperature
    ramp: bool = True
    allow_mask: bool = True

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise UnknownName("sampling schedule", self.schedule, SCHEDULES)
        if self.order not in ORDERS:
            raise UnknownName("sampling order", self.order, ORDERS)
        if self.steps < 1:
            raise ConfigError(f"A MaskGIT sampler needs at least 1 step; got {self.steps}.")


class Draws(Protocol):
    """Where the sampler's random numbers come from."""

    def codes(self, probabilities: Tensor) -> Tensor:
        """Draw a code per position [B, L] from probabilities [B, L, K + 1]."""
        ...

    def uniform(self, like: Tensor) -> Tensor:
        """Draw uniform numbers in [0, 1), in the shape of `like` [B, L]."""
        ...

    def gumbel(self, like: Tensor) -> Tensor:
        """Draw standard Gumbel noise in the shape of `like` [B, L], float64."""
        ...


class ItemDraws:
    """One CPU generator per image: an image depends neither on the batch it is sampled in nor on the device."""

    def __init__(self, generators: list[Generator]):
        self.generators = generators

    def codes(self, probabilities: Tensor) -> Tensor:
        rows = zip(probabilities, self.generators, strict=True)
        return torch.stack([(p / waiting_times(p.shape, g).to(p)).argmax(-1) for p, g in rows])

    def uniform(self, like: Tensor) -> Tensor:
        rows = zip(like, self.generators, strict=True)
        return torch.stack([torch.rand(x.shape, generator=g) for x, g in rows]).to(like.device)

    def gumbel(self, like: Tensor) -> Tensor:
        rows = zip(like, self.generators, strict=True)
        exponential = [torch.empty(x.shape, dtype=torch.float64).exponential_(generator=g) for x, g in rows]
        return -torch.stack(exponential).log().to(like.device)


def reveal_counts(tokens: int, steps: int, schedule: str = "arccos") -> list[int]:
    """Count how many tokens each step reveals; they sum to `tokens`, each at least 1.

    The published rule divides by zero at one step; here one step reveals everything.
    Raises ConfigError when the steps do not fit, UnknownName for an unknown schedule.
    """
    if schedule not in SCHEDULES:
        raise UnknownName("sampling schedule", schedule, SCHEDULES)
    if steps == 1:
        return [tokens]
    weight = SCHEDULES[schedule](torch.linspace(1, 0, steps))
    counts = (weight / weight.sum() * tokens).round().clamp(min=1).int()
    counts[-1] += tokens - counts.sum()  # the last step takes what rounding left
    if counts[-1] < 1:
        raise ConfigError(f"{steps} steps of schedule '{schedule}' do not fit {tokens} tokens; use fewer steps.")
    return counts.tolist()


@torch.no_grad()
def sample(
    model: Model,
    labels: Tensor,
    start: Tensor,
    mask_id: int,
    settings: MaskGitSampling,
    draws: Draws,
    masked: Tensor | None = None,
) -> Tensor:
    """Sample codes [B, L] in 0..K-1 for class labels [B]. The model must be in eval(), or its dropout joins in.

    start [B, L]: what is visible already; positions with mask_id = K are to be filled, or those of masked [B, L].
    """
    codes, masked = start.clone(), start == mask_id if masked is None else masked
    counts = reveal_counts(start.shape[1], settings.steps, settings.schedule)
    for step, count in enumerate(counts):
        if not masked.any():
            break
        progress = step / (settings.steps - 1) if settings.steps > 1 else 1.0
        logits = _guided_logits(model, codes, labels, settings, progress)
        if not settings.allow_mask:
            logits = logits.index_fill(-1, torch.tensor([mask_id], device=logits.device), -math.inf)
        probabilities = (logits * settings.softmax_scale).softmax(-1)
        drawn = draws.codes(probabilities)
        rank = _rank_positions(probabilities.gather(2, drawn[..., None])[..., 0], step, progress, settings, draws)
        chosen = rank.masked_fill(~masked, -math.inf).topk(count, dim=1).indices
        revealed = torch.zeros_like(masked).scatter(1, chosen, True) & masked
        codes, masked = torch.where(revealed, drawn, codes), masked & ~revealed
    return codes.clamp(max=mask_id - 1)


def _guided_logits(model: Model, codes: Tensor, labels: Tensor, settings: MaskGitSampling, progress: float) -> Tensor:
    """Compute logits [B, L, K + 1] with classifier-free guidance; both halves go through the model as one batch."""
    kept = torch.zeros(len(codes), dtype=torch.bool, device=codes.device)
    if settings.guidance == 0:
        return model(codes, labels, kept)
    w = settings.guidance * (progress if settings.ramp else 1.0)
    both = model(codes.repeat(2, 1), labels.repeat(2), torch.cat([kept, ~kept]))
    conditional, unconditional = both.chunk(2)
    return (1 + w) * conditional - w * unconditional


def _rank_positions(confidence: Tensor, step: int, progress: float, settings: MaskGitSampling, draws: Draws) -> Tensor:
    """Rank the positions [B, L]: the next revealed tokens are those of the largest numbers; `confidence` = the
    probabilities of the drawn codes.
    """
    if settings.order == "linear":
        return confidence.log() + settings.gumbel_temperature * (1 - progress) * draws.gumbel(confidence)
    if settings.order == "random" or (settings.order == "warm_up" and step < 2):
        return draws.uniform(confidence)
    return confidence
