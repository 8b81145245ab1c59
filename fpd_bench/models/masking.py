"""Masks: how many tokens are hidden, which ones, and the two inputs made that way (Eq. 1, 4, 5).

Letters: B batch, L tokens, K codes; the mask id is K. Counts are exact, as Di[M]O's are, not one
draw per token.
"""

import math

import torch
from torch import Tensor


def draw_masks(counts: Tensor, tokens: int, generator: torch.Generator) -> Tensor:
    """Draw random masks [B, L], True at exactly counts[b] positions."""
    order = torch.rand(len(counts), tokens, generator=generator).argsort(dim=1).argsort(dim=1)
    return order < counts[:, None]


def start_tokens(
    n: int,
    tokens: int,
    codes: int,
    r_init: float,
    generator: torch.Generator,
    law: Tensor | None = None,
    exact: bool = True,
) -> Tensor:
    """Draw z_init of Eq. 4 [n, L]: round(r_init L) >= 1 masks, elsewhere random codes, uniform or by `law` [K].

    exact: False masks each token with chance r_init instead.
    """
    if law is None:
        noise = torch.randint(codes, (n, tokens), generator=generator)
    else:
        places = torch.rand(n, tokens, generator=generator, dtype=torch.float64)
        noise = torch.searchsorted(law.double().cumsum(0) / law.double().sum(), places, right=True).clamp(max=codes - 1)
    if not exact:
        return noise.masked_fill(torch.rand(n, tokens, generator=generator) < r_init, codes)
    count = max(1, round(r_init * tokens))
    return noise.masked_fill(draw_masks(torch.full((n,), count), tokens, generator), codes)


def draw_ratios(n: int, ratio: str, low: float, high: float, generator: torch.Generator) -> Tensor:
    """Draw r ~ pi [n]: 'uniform' on [low, high] (low = high: fixed), 'arccos', the teacher's training schedule
    (2 / pi) arccos(u), or 'cosine', cos(pi u / 2) of Chang et al. 2022, which hides more."""
    uniform = torch.rand(n, generator=generator)
    if ratio == "uniform":
        return low + (high - low) * uniform
    return torch.arccos(uniform) / (math.pi / 2) if ratio == "arccos" else torch.cos(uniform * (math.pi / 2))


def draw_damage(ratios: Tensor, tokens: int, generator: torch.Generator) -> Tensor:
    """Draw M_r: masks [B, L] that hide round(r L) >= 1 positions (Eq. 5)."""
    return draw_masks((ratios * tokens).round().clamp(1, tokens), tokens, generator)
