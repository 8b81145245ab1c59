"""Draw tokens from logits, guide a teacher, and its multi-step confidence sampler (MaskGIT, Chang et al. 2022).

Letters: B batch, L tokens, K codes; the mask id is K.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Logits = Callable[[Tensor], Tensor]  # tokens [B, L] -> logits [B, L, K]


def waiting_times(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Draw exponential waiting times, one per code; drawn where the generator lives, so that devices share their
    noise.
    """
    return torch.empty(*shape).exponential_(generator=generator)


def first_arrival(logits: Tensor, noise: Tensor | None, temperature: float = 1.0) -> Tensor:
    """Select the code whose waiting time, over its probability, is shortest [B, L]: a categorical draw,
    torch.multinomial's.

    noise [B, L, K] from `waiting_times`; None = argmax. Logits that are not finite give any code: several processes
    must notice together (parallel.holds_everywhere), or by the loss.
    """
    if noise is None:
        return logits.argmax(-1)
    probabilities = (logits / temperature).softmax(-1)
    return probabilities.div_(noise.to(probabilities)).argmax(-1)


def keyed_categorical(logits: Tensor, uniforms: Tensor) -> Tensor:
    """Draw codes [B, L] from logits [B, L, K] by inverse cdf of uniforms [B, L]: each item brings its own noise."""
    cdf = logits.softmax(-1).cumsum(-1)
    target = (uniforms * cdf[..., -1]).clamp_min(torch.finfo(cdf.dtype).tiny)  # 0 would be a code of no probability
    return torch.searchsorted(cdf, target[..., None]).squeeze(-1).clamp_max(logits.shape[-1] - 1)


def truncate(logits: Tensor, top_k: int = 0, top_p: float = 1.0) -> Tensor:
    """Return logits [B, L, K] that leave no chance to any but the top_k likeliest codes (0 = all) and, of those, all
    but the fewest that hold top_p of the probability (nucleus sampling, Holtzman et al. 2020); the likeliest always
    stays."""
    never = torch.finfo(logits.dtype).min  # finite: whoever looks for divergence must not find it here
    if 0 < top_k < logits.shape[-1]:
        values, codes = logits.topk(top_k)
        logits = torch.full_like(logits, never).scatter(-1, codes, values)
    if top_p < 1:
        ordered, codes = logits.softmax(-1).sort(-1, descending=True)
        before = ordered.cumsum(-1) - ordered  # the probability of all likelier codes
        outside = torch.zeros_like(before, dtype=torch.bool).scatter(-1, codes, before >= top_p)
        outside.scatter_(-1, codes[..., :1], False)
        logits = logits.masked_fill(outside, never)
    return logits


def guide(conditional: Tensor, unconditional: Tensor, weight: float) -> Tensor:
    """Guide logits without a classifier: c + w (c - u); w = 0 is the conditional model."""
    return conditional + weight * (conditional - unconditional)


def reveal_counts(tokens: int, steps: int) -> list[int]:
    """Count how many tokens each step keeps, arccos schedule, at least one each; they sum to `tokens`."""
    steps = min(steps, tokens)
    masked = [math.acos((i + 1) / steps) / (math.pi / 2) for i in range(steps)]
    left, counts = tokens, []
    for i, ratio in enumerate(masked):
        target = min(max(math.floor(ratio * tokens), steps - i - 1), left - 1)
        counts.append(left - target)
        left = target
    return counts


def sample_by_confidence(
    conditional: Logits,
    unconditional: Logits,
    shape: tuple[int, int, int],
    steps: int,
    guidance: float,
    noise: float,
    generators: Sequence[torch.Generator],
    device: torch.device | str = "cpu",
    start: Tensor | None = None,
) -> Tensor:
    """Sample codes [B, L] by iterative decoding: at each step keep the most confident of the sampled tokens.

    shape: (B, L, K). guidance ramps linearly from 0 to its full weight, and Gumbel noise on the confidence from
    `noise` to 0, over the steps; a single step is the first of that ramp: unguided. generators: one per item, so that
    any batching yields the same images. device: of the model; the noise is drawn on the CPU. start [B, L]: what the
    model sees at first, None = masks; all its tokens are open, whatever they show, and each is written once.
    """
    batch, length, codes = shape
    tokens = torch.full((batch, length), codes, device=device) if start is None else start
    hidden = torch.ones_like(tokens, dtype=torch.bool)
    counts = reveal_counts(length, steps)
    for i, count in enumerate(counts):
        progress = i / (len(counts) - 1) if len(counts) > 1 else 0.0
        weight = guidance * progress
        logits = conditional(tokens)
        if weight:
            logits = guide(logits, unconditional(tokens), weight)
        uniforms = torch.stack([torch.rand(2, length, generator=g) for g in generators]).to(device)
        drawn = keyed_categorical(logits, uniforms[:, 0])
        gumbel = -torch.log(-torch.log(uniforms[:, 1].clamp(1e-9, 1 - 1e-7)))
        confidence = logits.log_softmax(-1).gather(-1, drawn[..., None]).squeeze(-1) + noise * (1 - progress) * gumbel
        kept = confidence.masked_fill(~hidden, -torch.inf).topk(count, dim=1).indices
        tokens, hidden = tokens.scatter(1, kept, drawn.gather(1, kept)), hidden.scatter(1, kept, False)
    return tokens
