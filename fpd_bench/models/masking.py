"""Masks: how many tokens are hidden, which ones, and the two inputs made that way (Eq. 1, 4, 5).

Letters: B batch, L tokens, K codes; the mask id is K. Counts are exact, as Di[M]O's are, not one
draw per token.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Source = torch.Generator | Sequence[torch.Generator]  # of a whole batch, or one for each of its rows


def draw_rows(n: int, source: Source, draw: Callable[[int, torch.Generator], Tensor]) -> Tensor:
    """Draw n rows by `draw`, (how many, from which generator); with a generator for each row, no batch changes it."""
    if isinstance(source, torch.Generator):
        return draw(n, source)
    return torch.cat([draw(1, own) for own in source])


def draw_masks(counts: Tensor, tokens: int, source: Source) -> Tensor:
    """Draw random masks [B, L], True at exactly counts[b] positions."""
    drawn = draw_rows(len(counts), source, lambda m, generator: torch.rand(m, tokens, generator=generator))
    return drawn.argsort(dim=1).argsort(dim=1) < counts[:, None]


def start_tokens(
    n: int,
    tokens: int,
    codes: int,
    r_init: float,
    source: Source,
    law: Tensor | None = None,
    exact: bool = True,
) -> Tensor:
    """Draw z_init of Eq. 4 [n, L]: round(r_init L) >= 1 masks, elsewhere random codes, uniform or by `law` [K].

    exact: False masks each token with chance r_init instead.
    """
    if law is None:
        noise = draw_rows(n, source, lambda m, generator: torch.randint(codes, (m, tokens), generator=generator))
    else:
        places = draw_rows(n, source, lambda m, one: torch.rand(m, tokens, generator=one, dtype=torch.float64))
        noise = torch.searchsorted(law.double().cumsum(0) / law.double().sum(), places, right=True).clamp(max=codes - 1)
    if not exact:
        chance = draw_rows(n, source, lambda m, generator: torch.rand(m, tokens, generator=generator))
        return noise.masked_fill(chance < r_init, codes)
    count = max(1, round(r_init * tokens))
    return noise.masked_fill(draw_masks(torch.full((n,), count), tokens, source), codes)


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
