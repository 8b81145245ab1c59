"""MaskGen's multi-step sampler (bytedance/1d-tokenizer@942a96f, modeling/maskgen.py:generate), the teacher of Table 1.

Guidance g is the repository's: c + g_s (c - u), where g_s runs from 1 to g over the steps; s = 1 + g_s elsewhere.
Letters: B batch, L tokens, K codes (mask id = K), T text tokens, S steps.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from fpd_bench.errors import ConfigError, UnknownName
from fpd_bench.models.maskgit_sampler import SCHEDULES

DECAYS: dict[str, Callable[[Tensor], Tensor]] = {
    "cosine": lambda r: (1 - torch.cos(r * math.pi)) / 2,
    "flippedcosine": lambda r: torch.cos(r * math.pi) / 2,
    "linear": lambda r: r,
    "none": torch.ones_like,
}

# (ids [B, L], text [B, T, C], pooled [B, 1, C], score [B]) -> logits [B, L, K]
Model = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
# a tensor's shape, first axis = batch -> uniform numbers in [0, 1)
Uniform = Callable[[torch.Size], Tensor]


@dataclass(frozen=True)
class MaskGenSampling:
    """Settings; the defaults are those the repository's README samples MaskGen-L with (GenEval 0.53 there)."""

    steps: int = 16
    guidance: float = 12.0
    decay: str = "cosine"
    decay_power: float = 1.0  # of the progress inside the two cosines
    schedule: str = "arccos"
    temperature: float = 2.0  # of the Gumbel noise on tokens and confidences; falls linearly to 0
    anneal_softmax: bool = True  # logits / (0.5 + 0.8 (1 - progress)); False: / the falling temperature
    noisy_order: bool = True  # Gumbel noise on the confidences too
    score: float = 6.5  # aesthetic score given to the model

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise UnknownName("sampling schedule", self.schedule, SCHEDULES)
        if self.decay not in DECAYS:
            raise UnknownName("guidance decay", self.decay, DECAYS)
        if self.steps < 1:
            raise ConfigError(f"A MaskGen sampler needs at least 1 step; got {self.steps}.")

    def guidance_at(self, progress: float) -> float:
        """Return g_s at progress (s + 1) / S."""
        if self.decay == "none":
            return self.guidance
        power = 1.0 if self.decay == "linear" else self.decay_power
        return (self.guidance - 1) * float(DECAYS[self.decay](torch.tensor(progress) ** power)) + 1

    def softmax_temperature(self, progress: float) -> float:
        """Return what the logits are divided by; the published fallback reaches 0 at the last step, an argmax."""
        if self.anneal_softmax:
            return 0.5 + 0.8 * (1 - progress)
        return max(self.temperature * (1 - progress), 1e-6)


@dataclass(frozen=True)
class TextCondition:
    """Encoded text: `TextStates.penultimate` [B, T, C] and `TextStates.pooled` [B, 1, C]; B = 1 is shared by all."""

    text: Tensor
    pooled: Tensor


def item_uniform(generators: list[Generator], device: torch.device | str = "cpu") -> Uniform:
    """Draw uniform numbers on `device` from one CPU generator per image: neither batch nor device changes an image."""

    def draw(size: torch.Size) -> Tensor:
        if size[0] != len(generators):
            raise ConfigError(f"{len(generators)} generators cannot serve a batch of {size[0]}; give one per image.")
        return torch.stack([torch.rand(size[1:], generator=g) for g in generators]).to(device)

    return draw


def masked_after(tokens: int, steps: int, schedule: str = "arccos") -> list[int]:
    """Count how many tokens are still masked after each step, from an empty start; the last is 0."""
    counts, left = [], tokens
    for step in range(steps - 1):
        left = max(1, min(left - 1, int(_masked_count(tokens, (step + 1) / steps, schedule))))
        counts.append(left)
    return [*counts, 0]


def _masked_count(tokens: int, progress: float, schedule: str) -> Tensor:
    return (tokens * SCHEDULES[schedule](torch.tensor(progress))).floor()


def _gumbel(uniform: Tensor) -> Tensor:
    floor = 1e-20
    return -(-uniform.clamp(min=floor).log()).clamp(min=floor).log()


@torch.no_grad()
def sample(
    model: Model,
    prompt: TextCondition,
    empty: TextCondition,
    start: Tensor,
    mask_id: int,
    settings: MaskGenSampling,
    uniform: Uniform,
    masked: Tensor | None = None,
) -> Tensor:
    """Sample codes [B, L] in 0..K-1 for the encoded prompts; `empty` encodes "" (the unconditional half).

    start [B, L]: what is visible already; positions with mask_id = K are to be filled, or those of masked [B, L], and
    show what `start` does until then. One deviation from the
    published code: each image counts its own masked tokens, where the original takes those of the batch's first.
    """
    ids, batch = start, len(start)
    masked = start == mask_id if masked is None else masked
    both = TextCondition(
        torch.cat([prompt.text, empty.text.expand(batch, -1, -1)]),
        torch.cat([prompt.pooled, empty.pooled.expand(batch, -1, -1)]),
    )
    for step in range(settings.steps):
        progress = (step + 1) / settings.steps
        noise = settings.temperature * (1 - progress)
        logits = _guided_logits(model, ids, prompt, both, settings, progress) / settings.softmax_temperature(progress)
        drawn = (logits + noise * _gumbel(uniform(logits.shape))).argmax(-1)
        ids = torch.where(masked, drawn, ids)
        if progress < 1:
            confidence = logits.gather(2, drawn[..., None])[..., 0].masked_fill(~masked, math.inf)
            if settings.noisy_order:
                confidence = confidence + noise * _gumbel(uniform(confidence.shape))
            masked = _remask(confidence, masked, _masked_count(ids.shape[1], progress, settings.schedule))
            ids = torch.where(masked, start, ids)
    return ids


def _remask(confidence: Tensor, masked: Tensor, wanted: Tensor) -> Tensor:
    """Select the least confident of the positions just filled, [B, L]: `wanted`, at least 1, fewer than were masked."""
    count = torch.minimum(masked.sum(1) - 1, wanted.to(masked.device)).long().clamp(min=1)
    cutoff = confidence.sort(1).values.gather(1, count[:, None] - 1)
    return masked & (confidence <= cutoff)


def _guided_logits(
    model: Model, ids: Tensor, prompt: TextCondition, both: TextCondition, settings: MaskGenSampling, progress: float
) -> Tensor:
    """Compute logits [B, L, K] with classifier-free guidance; both halves go through the model as one batch."""
    g = settings.guidance_at(progress)
    if g == 0:
        return model(ids, prompt.text, prompt.pooled, _score(settings, ids))
    twice = ids.repeat(2, 1)
    conditional, unconditional = model(twice, both.text, both.pooled, _score(settings, twice)).chunk(2)
    return conditional + (conditional - unconditional) * g


def _score(settings: MaskGenSampling, ids: Tensor) -> Tensor:
    return torch.full((len(ids),), settings.score, device=ids.device)
