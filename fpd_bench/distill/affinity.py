"""The weights a+ and a- of Eq. 6 as logarithms, from logits -distance / h (joint weights: Deng et al. 2026, Drifting).

Logits are [..., n, targets], -inf for a pair that must not see each other; a floor is on A^2, the product of row and
column softmax.
"""

import math

import torch
from torch import Tensor

_SINKHORN_ROUNDS = 20


def log_weights(neg: Tensor, pos: Tensor, normalise: str, floor: float) -> tuple[Tensor, Tensor]:
    """Compute the log of a- and a+; `normalise` as in `drift.drift_field`."""
    if normalise == "joint":
        return log_joint(neg, pos, floor)
    log_neg, log_pos = (_log_separate(logits, floor, normalise) for logits in (neg, pos))
    return log_neg, log_pos


def log_joint(
    neg: Tensor, pos: Tensor, floor: float, log_w_neg: Tensor | float = 0.0, log_w_pos: Tensor | float = 0.0
) -> tuple[Tensor, Tensor]:
    """Weigh both halves together: a+ = A_pos * sum_j A_neg and a- = A_neg * sum_j A_pos; log_w weigh the targets."""
    row = (neg.logsumexp(-1, keepdim=True)).logaddexp(pos.logsumexp(-1, keepdim=True))
    log_neg = _log_affinity(neg, row, neg.logsumexp(-2, keepdim=True), floor).add_(log_w_neg)
    log_pos = _log_affinity(pos, row, pos.logsumexp(-2, keepdim=True), floor).add_(log_w_pos)
    of_neg, of_pos = (part.logsumexp(-1, keepdim=True) for part in (log_neg, log_pos))
    return log_neg.add_(of_pos), log_pos.add_(of_neg)


def _log_separate(logits: Tensor, floor: float, normalise: str) -> Tensor:
    """Weigh one half on its own: each row sums to 1."""
    if normalise == "sinkhorn":
        log_a = _raise_to_floor(_doubly_stochastic(logits), logits, floor)
    else:
        row = logits.logsumexp(-1, keepdim=True)
        columns = normalise == "separate"
        log_a = _log_affinity(logits, row, logits.logsumexp(-2, keepdim=True) if columns else row, floor)
    return log_a - log_a.logsumexp(-1, keepdim=True)


def _doubly_stochastic(logits: Tensor) -> Tensor:
    """Divide columns and rows by their sums in turn, until both are about 1 (Sinkhorn and Knopp 1967)."""
    for _ in range(_SINKHORN_ROUNDS):
        logits = logits - logits.logsumexp(-2, keepdim=True)
        logits = logits - logits.logsumexp(-1, keepdim=True)
    return logits


def _log_affinity(logits: Tensor, row: Tensor, column: Tensor, floor: float) -> Tensor:
    """Compute log A = log sqrt(row softmax * column softmax) from their log sums."""
    half = (row + column).div_(2)
    log_a = torch.sub(logits, half, out=half if half.shape == logits.shape else None)
    return _raise_to_floor(log_a, logits, floor)


def _raise_to_floor(log_a: Tensor, logits: Tensor, floor: float) -> Tensor:
    """Raise A^2 to at least `floor`, except for masked pairs."""
    return log_a if floor == 0 else log_a.clamp_min(math.log(floor) / 2).masked_fill(logits.isneginf(), -math.inf)
