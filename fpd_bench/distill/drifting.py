"""The published Drifting loss (Deng et al. 2026), which FPD's Eq. 6-7 come from; the yardstick of drift.py.

Letters: B problems, n generated samples, p positives, q further negatives, S feature dimensions.
"""

import functools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from fpd_bench.distill.affinity import log_joint
from fpd_bench.distill.guards import AFFINITY_FLOOR, GUARDS, SELF_DISTANCE
from fpd_bench.errors import ConfigError

PUBLISHED = GUARDS["published"]


def drifting_loss(
    gen: Tensor,
    fixed_pos: Tensor,
    fixed_neg: Tensor | None = None,
    weight_gen: Tensor | None = None,
    weight_pos: Tensor | None = None,
    weight_neg: Tensor | None = None,
    R_list: Sequence[float] = (0.02, 0.05, 0.2),
) -> tuple[Tensor, dict[str, Tensor]]:
    """Compute the published Drifting loss (Deng et al. 2026), floors and all; equals golden/drift_a.

    gen [B, n, S], fixed_pos [B, p, S], fixed_neg [B, q, S] and their weights [B, n], [B, p], [B, q] (default 1).
    The generated samples are negatives of each other. Half-precision inputs are computed in float32. Returns loss [B],
    with a gradient to `gen` only, and {"scale", "loss_<R>"}: mean distance and mean square of each field before
    normalisation. Raises ConfigError for weights that are negative or not finite.
    """
    gen, fixed_neg, fixed_pos = _at_least_float32(gen, gen[:, :0] if fixed_neg is None else fixed_neg, fixed_pos)
    with torch.no_grad():
        asked = {"weight_gen": weight_gen, "weight_neg": weight_neg, "weight_pos": weight_pos}
        weights = [
            _weights(name, weight, of)
            for (name, weight), of in zip(asked.items(), (gen, fixed_neg, fixed_pos), strict=True)
        ]
        log_w_neg, log_w_pos = torch.cat(weights[:2], 1).log()[:, None], weights[2].log()[:, None]
        neg = torch.cat([gen, fixed_neg], 1)
        to_neg, to_pos = (torch.cdist(gen, t).clamp_min(PUBLISHED.distance) for t in (neg, fixed_pos))
        w = torch.cat(weights, 1)[:, None]
        unit = (torch.cat([to_neg, to_pos], -1) * w).mean() / w.mean()
        divisor = (unit / math.sqrt(gen.shape[-1])).clamp_min(PUBLISHED.unit)
        x, neg, pos = gen / divisor, neg / divisor, fixed_pos / divisor
        to_neg, to_pos = to_neg / unit.clamp_min(PUBLISHED.scale), to_pos / unit.clamp_min(PUBLISHED.scale)
        to_neg = to_neg + SELF_DISTANCE * torch.eye(gen.shape[1], neg.shape[1], device=gen.device)
        goal, info = x.clone(), {"scale": unit}
        for r in R_list:
            log_neg, log_pos = log_joint(-to_neg / r, -to_pos / r, AFFINITY_FLOOR, log_w_neg, log_w_pos)
            v = _pull(log_pos.exp(), pos, x) - _pull(log_neg.exp(), neg, x)
            info[f"loss_{r:g}"] = v.square().mean()
            goal += v / info[f"loss_{r:g}"].clamp_min(PUBLISHED.square).sqrt()
    return (gen / divisor - goal).square().mean((1, 2)), info


def _at_least_float32(*features: Tensor) -> list[Tensor]:
    """Convert all to one type of at least float32: distances and kernels lose too much in half precision."""
    widest = functools.reduce(torch.promote_types, (each.dtype for each in features), torch.float32)
    return [each.to(widest) for each in features]


def _weights(name: str, asked: Tensor | None, samples: Tensor) -> Tensor:
    """Return weights [B, n] for samples [B, n, S]; 1 where none are asked for. Raises ConfigError."""
    if asked is None:
        return torch.ones_like(samples[..., 0])
    wrong = asked[~(torch.isfinite(asked) & (asked >= 0))]
    if wrong.numel():
        raise ConfigError(f"{name} must be finite and 0 or more, as a factor of affinities; got {wrong[0]}.")
    return asked.to(samples)


def _pull(weights: Tensor, targets: Tensor, x: Tensor) -> Tensor:
    """Compute sum_j w_ij (target_j - x_i); weights [..., n, m], targets [..., m, D], x [..., n, D] -> [..., n, D]."""
    return weights @ targets - weights.sum(-1, keepdim=True) * x
