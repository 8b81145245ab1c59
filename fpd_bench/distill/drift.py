"""Drift losses: FPD's Eq. 6-7 and the published Drifting loss they come from (facts/methods.md, section 7).

Every feature is pulled towards the positives and pushed away from the negatives with doubly normalised Laplace
weights; the student then regresses onto its own displaced, detached copy.

Letters: B samples, F positions, D dimensions, H bandwidths; n = B / groups samples compared with one another;
P = groups * F independent problems; i runs over the n students of a problem, j over its targets.
Weights are kept as logarithms until a factor common to one bandwidth is taken out: without a floor the joint
weights of a narrow kernel underflow, while Z_h removes any common factor anyway.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fpd_bench.distill.affinity import NORMALISE, log_joint, log_weights
from fpd_bench.distill.running import Running
from fpd_bench.errors import ConfigError, UnknownName

POSITIVES = ("all", "others", "own")
NEGATIVES = ("self_masked", "roll")
SCALE = ("layer", "position", "running", "none")
EQUALISE = ("layer", "position", "running", "none")

_SMALLEST_SCALE = 1e-12
_SMALLEST_SQUARE = 1e-12  # under V^2 in Z_h; far below the 5e-5 that joint weights reach at h = .02
_OFFICIAL_FLOOR = 1e-6
_OFFICIAL_SELF_DISTANCE = 100.0


@dataclass(frozen=True)
class DriftField:
    """Where the features should go. gradient [B, F, D] = dL/dX of Eq. 7; value [] = L; stats for the log."""

    gradient: Tensor
    value: Tensor
    stats: dict[str, float]


@dataclass(frozen=True)
class DriftResult:
    """loss [] carries a gradient to the student only.

    stats: `rms_<h>` un-normalised RMS of V_h, `repulsion_<h>` repulsion norm over attraction norm, `distance` mean
    draft-refinement distance over the mean distance of all pairs, `scale` that mean distance in feature units.
    """

    loss: Tensor
    stats: dict[str, float]


def drift_loss(student: Tensor, refined: Tensor, bandwidths: Sequence[float], **options: Any) -> DriftResult:
    """Pull each draft feature towards the refinements, summed over bandwidths (Eq. 6-7).

    student, refined: [B, F, D], F positions of D features, of draft and refinement; no gradient reaches `refined`.
    bandwidths and options: see `drift_field`.
    The target of Eq. 7 is detached, so L and its linearisation at X have the same value and the same gradient;
    the linear form needs one pass over the features instead of one per bandwidth.
    """
    field = drift_field(student, refined, bandwidths, **options)
    linear = ((student - student.detach()) * field.gradient.to(student.dtype)).sum()
    return DriftResult(field.value + linear, field.stats)


@torch.no_grad()
def drift_field(
    student: Tensor,
    refined: Tensor,
    bandwidths: Sequence[float],
    *,
    positives: str = "all",
    negatives: str = "self_masked",
    normalise: str = "joint",
    floor: float = 0.0,
    repulsion: float = 1.0,
    groups: int = 1,
    shifts: int = 0,
    scale: str = "layer",
    equalise: str = "layer",
    running: Running | None = None,
) -> DriftField:
    """Value and gradient of Eq. 7 at the features `student`, without a graph.

    bandwidths: kernel widths h > 0 for distances normalised to mean 1; their order is irrelevant.
    positives: "all" refinements Y_j of the group, "others" (j != i) or "own" (j = i).
    negatives: "roll" is Eq. 6 read literally: a cyclic shift of the group only reorders a sum that contains every
        sample, itself included, so no shift is carried out; "self_masked" leaves the sample itself out.
    shifts: k > 0 with "roll": sample i sees X_i+1 ... X_i+k of its group only (cyclically); 0 = the whole group.
    normalise: "joint" = one row softmax over [negatives | positives], geometric mean with the column softmax, each
        half weighted by the mass of the other; "separate" = the same within each half, rows rescaled to sum 1;
        "row_only" = plain softmax over each half, the difference of two kernel mean shifts; "sinkhorn" = each half
        doubly stochastic.
    floor: least product of row and column softmax; 1e-6 in the published Drifting code, where it lifts the masked
        self pair too (masked positives stay out).
    repulsion: weight of the second sum of Eq. 6; 0 = attraction only.
    groups: the batch is `groups` runs of B / groups samples; only samples of one run see each other.
    scale: the distance that counts as 1: the mean student-target distance, self pairs included, over the whole
        "layer", its "running" mean over steps, or the mean per "position"; or "none".
    equalise: Z_h of Eq. 7: RMS(V_h) over the whole "layer", its "running" mean, or per "position"; "none" = 1.
    running: the means of earlier steps, updated here; needed by "running" only.
    Raises ConfigError and UnknownName for impossible options.
    """
    choices = {"positives": positives, "negatives": negatives, "normalise": normalise}
    _check_choices(choices | {"scale": scale, "equalise": equalise}, floor)
    widths = _check_sizes(student, refined, bandwidths, choices, groups, shifts)
    running = running or Running()
    x = _problems(student, groups)
    n = x.shape[1]
    basis = torch.cat([x - x.mean(1, keepdim=True), _problems(refined, groups) - x], 1)  # X_i (centred) and Y_i - X_i
    gram = basis @ basis.mT
    to_x, to_y = _distances(gram)
    unit = _unit(to_x, to_y, scale, groups, running)
    gram, to_x, to_y = gram / unit.square(), to_x / unit, to_y / unit

    same = torch.eye(n, dtype=torch.bool, device=x.device)
    far = _OFFICIAL_SELF_DISTANCE if floor else math.inf  # finite, so that a floor lifts it as in the published code
    near_x = torch.where(same, to_x + far, to_x) if negatives == "self_masked" else to_x
    if shifts:
        near_x = near_x.masked_fill(~_within(shifts, n, x.device), math.inf)
    near_y = to_y if positives == "all" else to_y.masked_fill(same if positives == "others" else ~same, math.inf)
    h = torch.tensor(widths, dtype=x.dtype, device=x.device)[:, None, None, None]
    log_neg, log_pos = log_weights(-near_x / h, -near_y / h, normalise, floor)
    largest = torch.maximum(log_neg.amax((1, 2, 3), keepdim=True), log_pos.amax((1, 2, 3), keepdim=True))
    a_neg, a_pos = (log_neg - largest).exp(), (log_pos - largest).exp()

    attract = torch.cat([_less_row_sum(a_pos), a_pos], -1)  # rows of coefficients of the basis, [H, P, n, 2n]
    repel = torch.cat([_less_row_sum(a_neg), torch.zeros_like(a_neg)], -1)
    v = attract - repulsion * repel
    factor = largest.flatten().exp()
    square, z = _sizes(v, gram, largest.view(-1, 1), equalise, groups, running)
    gradient = (v / z[:, :, None, None]).sum(0) @ basis * (-2 / (unit.square() * n * len(x)))
    ratio = (_mean_square(repel, gram) / _mean_square(attract, gram).clamp_min(1e-30)).sqrt()
    stats = _stats(widths, square.mean(1).sqrt() * factor, ratio, to_y, unit)
    return DriftField(_batch(gradient, groups), ((square / z).mean(1) * factor).sum(), stats)


def drifting_loss(
    gen: Tensor,
    fixed_pos: Tensor,
    fixed_neg: Tensor | None = None,
    weight_gen: Tensor | None = None,
    weight_pos: Tensor | None = None,
    weight_neg: Tensor | None = None,
    R_list: Sequence[float] = (0.02, 0.05, 0.2),
) -> tuple[Tensor, dict[str, Tensor]]:
    """The published Drifting loss (Deng et al. 2026), floors and all; equals golden/drift_a.

    gen [B, n, S], fixed_pos [B, p, S], fixed_neg [B, q, S] and their weights [B, n], [B, p], [B, q] (default 1);
    S feature dimensions. The generated samples are negatives of each other. Returns loss [B], with a gradient to
    `gen` only, and {"scale", "loss_<R>"}: mean distance and mean square of each field before normalisation.
    """
    if fixed_neg is None:
        fixed_neg = gen[:, :0]
    with torch.no_grad():
        weights = [
            torch.ones_like(t[..., 0]) if w is None else w
            for t, w in ((gen, weight_gen), (fixed_neg, weight_neg), (fixed_pos, weight_pos))
        ]
        log_w_neg, log_w_pos = torch.cat(weights[:2], 1).log()[:, None], weights[2].log()[:, None]
        neg = torch.cat([gen, fixed_neg], 1)
        to_neg, to_pos = (torch.cdist(gen, t).clamp_min(1e-4) for t in (neg, fixed_pos))
        w = torch.cat(weights, 1)[:, None]
        unit = (torch.cat([to_neg, to_pos], -1) * w).mean() / w.mean()
        divisor = (unit / math.sqrt(gen.shape[-1])).clamp_min(1e-3)
        x, neg, pos = gen / divisor, neg / divisor, fixed_pos / divisor
        to_neg, to_pos = to_neg / unit.clamp_min(1e-3), to_pos / unit.clamp_min(1e-3)
        to_neg = to_neg + _OFFICIAL_SELF_DISTANCE * torch.eye(gen.shape[1], neg.shape[1], device=gen.device)
        goal, info = x.clone(), {"scale": unit}
        for r in R_list:
            log_neg, log_pos = log_joint(-to_neg / r, -to_pos / r, _OFFICIAL_FLOOR, log_w_neg, log_w_pos)
            v = _pull(log_pos.exp(), pos, x) - _pull(log_neg.exp(), neg, x)
            info[f"loss_{r:g}"] = v.square().mean()
            goal += v / info[f"loss_{r:g}"].clamp_min(1e-8).sqrt()
    return (gen / divisor - goal).square().mean((1, 2)), info


def _pull(weights: Tensor, targets: Tensor, x: Tensor) -> Tensor:
    """sum_j w_ij (target_j - x_i); weights [..., n, m], targets [..., m, D], x [..., n, D] -> [..., n, D]."""
    return weights @ targets - weights.sum(-1, keepdim=True) * x


def _less_row_sum(weights: Tensor) -> Tensor:
    """sum_j w_ij (t_j - x_i) as coefficients: w minus its row sums on the diagonal."""
    return weights - torch.diag_embed(weights.sum(-1))


def _mean_square(coefficients: Tensor, gram: Tensor) -> Tensor:
    """Mean over problems and samples of |v_i|^2, v = coefficients @ basis, from gram = basis basis^T: [H]."""
    return ((coefficients @ gram) * coefficients).sum(-1).mean((1, 2)).clamp_min(0)


def _distances(gram: Tensor) -> tuple[Tensor, Tensor]:
    """|X_i - X_j| and |X_i - Y_j|, both [P, n, n], from the inner products of [X, E = Y - X].

    Through E, a refinement that changes nothing has bitwise the distances of its draft: V is exactly 0 there.
    """
    n = gram.shape[1] // 2
    length = gram.diagonal(dim1=1, dim2=2)
    x, e = length[:, None, :n], length[:, None, n:]
    to_x = x.mT + x - 2 * gram[:, :n, :n]
    x_e = gram[:, :n, n:]
    to_y = to_x - 2 * (x_e - x_e.diagonal(dim1=1, dim2=2)[:, None]) + e
    return to_x.clamp_min(0).sqrt(), to_y.clamp_min(0).sqrt()


def _unit(to_x: Tensor, to_y: Tensor, scale: str, groups: int, running: Running) -> Tensor:
    """The distance that counts as 1: [] or, per position, [P, 1, 1]."""
    if scale == "none":
        return to_x.new_ones(())
    mean = (to_x + to_y) / 2
    if scale == "position":
        per_position = mean.unflatten(0, (groups, -1)).mean((0, 2, 3)).clamp_min(_SMALLEST_SCALE)
        return per_position.repeat(groups)[:, None, None]
    unit = mean.mean().clamp_min(_SMALLEST_SCALE)
    return running.update("unit", unit) if scale == "running" else unit


def _sizes(
    v: Tensor, gram: Tensor, level: Tensor, equalise: str, groups: int, running: Running
) -> tuple[Tensor, Tensor]:
    """(mean |V_h|^2, Z_h), both [H, 1] or, per position, [H, P]; both without the factor exp(level [H, 1]) of V_h."""
    if equalise == "position":
        square = ((v @ gram) * v).sum(-1).mean(2).clamp_min(0).unflatten(1, (groups, -1)).mean(1).repeat(1, groups)
    else:
        square = _mean_square(v, gram)[:, None]
    if equalise == "none":
        return square, (-level).exp()
    z = square.clamp_min(_SMALLEST_SQUARE).sqrt()
    if equalise == "running":  # of the logarithm: the RMS of a narrow kernel may not fit a float
        z = (running.update("log_z", z.log() + level) - level).exp()
    return square, z


def _within(shifts: int, n: int, device: torch.device) -> Tensor:
    """Whether sample j is one of the `shifts` that follow sample i in their circle of n: [n, n]."""
    index = torch.arange(n, device=device)
    ahead = (index[None, :] - index[:, None]) % n
    return (ahead >= 1) & (ahead <= shifts)


def _problems(features: Tensor, groups: int) -> Tensor:
    """[B, F, D] -> [P, n, D] in at least float32."""
    wide = features.detach().to(torch.promote_types(features.dtype, torch.float32))
    return wide.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)


def _batch(problems: Tensor, groups: int) -> Tensor:
    """Inverse of `_problems`."""
    return problems.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)


def _stats(widths: list[float], rms: Tensor, ratio: Tensor, to_y: Tensor, unit: Tensor) -> dict[str, float]:
    own = to_y.diagonal(dim1=1, dim2=2).mean()
    numbers = torch.cat([rms, ratio, own[None], unit.mean()[None]]).tolist()
    names = [f"rms_{h:g}" for h in widths] + [f"repulsion_{h:g}" for h in widths] + ["distance", "scale"]
    return dict(zip(names, numbers, strict=True))


def _check_choices(choices: dict[str, str], floor: float) -> None:
    known = {"positives": POSITIVES, "negatives": NEGATIVES, "normalise": NORMALISE}
    for kind, names in (known | {"scale": SCALE, "equalise": EQUALISE}).items():
        if choices[kind] not in names:
            raise UnknownName(f"drift.{kind}", choices[kind], names)
    if not 0 <= floor < 1:
        raise ConfigError(f"drift.floor must lie in [0, 1); got {floor}.")


def _check_sizes(
    student: Tensor, refined: Tensor, bandwidths: Sequence[float], choices: dict[str, str], groups: int, shifts: int
) -> list[float]:
    """The bandwidths in ascending order, or an error that names what is wrong."""
    widths = sorted(float(h) for h in bandwidths)
    if not widths or not all(0 < h < math.inf for h in widths):
        raise ConfigError(f"drift.bandwidths must be one or more finite numbers > 0; got {list(bandwidths)}.")
    if student.ndim != 3 or student.shape != refined.shape:
        raise ConfigError(f"Features must be two equal [B, F, D]; got {list(student.shape)} and {list(refined.shape)}.")
    if groups < 1 or len(student) % groups:
        raise ConfigError(f"A batch of {len(student)} drafts cannot be cut into {groups} equal groups.")
    negatives, positives = choices["negatives"], choices["positives"]
    if len(student) == groups and (negatives == "self_masked" or positives == "others"):
        raise ConfigError(
            f"One sample per group leaves nothing to compare with for negatives={negatives}, positives={positives}. "
            "Raise drift.samples_per_condition to 2 or more, or use drift.negatives=roll with drift.positives=all."
        )
    if shifts and (negatives != "roll" or not 0 < shifts < len(student) // groups):
        raise ConfigError(
            f"drift.shifts={shifts} needs drift.negatives=roll and lies below the {len(student) // groups} drafts that "
            f"are compared; got negatives={negatives}. 0 = all of them."
        )
    return widths
