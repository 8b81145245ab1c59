"""The drift loss of FPD, Eq. 6-7; drifting.py has the loss it comes from.

Every feature is pulled towards the positives and pushed away from the negatives with doubly normalised Laplace
weights; the student then regresses onto its own displaced, detached copy.

Letters: B samples, F positions, D dimensions, H bandwidths; n = B / groups samples compared with one another; M drafts
remembered; P = groups * F independent problems; i runs over the n students of a problem, j over its targets.
Weights are kept as logarithms until a factor common to one bandwidth is taken out: without a floor the joint
weights of a narrow kernel underflow, while Z_h removes any common factor anyway.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fpd_bench.config.fields import choices
from fpd_bench.config.schema import DriftConfig
from fpd_bench.distill.affinity import log_weights
from fpd_bench.distill.guards import GUARDS, SELF_DISTANCE, Guards
from fpd_bench.distill.running import Running
from fpd_bench.errors import ConfigError, UnknownName

CHOICES = {
    kind: choices(f"drift.{kind}")
    for kind in ("positives", "negatives", "normalise", "scale", "equalise", "combine", "norm", "guards")
}
_SMALLEST_UNIT = 1e-12  # features are divided by it, whatever the guards


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


def drift_loss(student: Tensor, refined: Tensor, drift: DriftConfig, groups: int = 1, **state: Any) -> DriftResult:
    """Pull each draft feature towards the refinements, summed over bandwidths (Eq. 6-7).

    student, refined: [B, F, D], F positions of D features, of draft and refinement; no gradient reaches `refined`.
    drift, groups, and memory and running in `state`: see `drift_field`.
    The target of Eq. 7 is detached, so L and its linearisation at X have the same value and the same gradient;
    the linear form needs one pass over the features instead of one per bandwidth.
    """
    field = drift_field(student, refined, drift, groups, **state)
    linear = ((student - student.detach()) * field.gradient.to(student.dtype)).sum()
    return DriftResult(field.value + linear, field.stats)


@torch.no_grad()
def drift_field(
    student: Tensor,
    refined: Tensor,
    drift: DriftConfig,
    groups: int = 1,
    *,
    memory: Tensor | None = None,
    running: Running | None = None,
) -> DriftField:
    """Compute value and gradient of Eq. 7 at the features `student`, without a graph.

    groups: the batch is `groups` runs of B / groups samples; only samples of one run see each other, except that with
        drift.positives=condition the whole batch is one problem.
    memory [M, F, D]: features of earlier drafts, further negatives of every sample.
    running: the means of earlier steps, updated here; needed by "running" only.

    Of `drift` it reads:
    bandwidths: kernel widths h > 0 for distances normalised to mean 1; their order is irrelevant.
    positives: "all" refinements Y_j of the group, "others" (j != i) or "own" (j = i); "condition": all of the group,
        while the whole batch repels.
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
    scale: the distance that counts as 1: the mean student-target distance, self pairs included, over the whole
        "layer", its "running" mean over steps, or the mean per "position"; or "none".
    equalise: Z_h of Eq. 7: RMS(V_h) over the whole "layer", its "running" mean, or per "position"; "none" = 1.
    combine: "losses" adds up a loss per bandwidth; "fields" is one loss on the sum of V_h / Z_h, as in the published
        code. The gradient is the same, the value is not.
    norm: of a squared distance over the D dimensions, "mean" or "sum".
    guards: of divisions by almost nothing: "tiny" only keeps them finite; "published" are the published Drifting
        code's, under which drafts and refinements that have collapsed into one another stay where they are.
    Raises ConfigError and UnknownName for impossible options.
    """
    _check_choices(drift)
    widths = _check_sizes(student, refined, drift, groups)
    running = running or Running()
    of_prompt = len(student) // groups  # samples
    groups = 1 if drift.positives == "condition" else groups
    basis = _basis(_problems(student, groups), _problems(refined, groups), memory)
    n = len(student) // groups
    gram = basis[:, : 2 * n] @ basis[:, : 2 * n].mT
    least, dims = GUARDS[drift.guards], student.shape[-1]
    to_x, to_y, to_m = (
        d.clamp_min(least.distance) for d in (*_distances(gram), torch.cdist(basis[:, :n], basis[:, 2 * n :]))
    )
    mean = _unit(to_x, to_y, to_m, drift.scale, groups, running)
    unit = mean.clamp_min(least.scale)
    to_x, to_y, to_m = to_x / unit, to_y / unit, to_m / unit
    # What a squared length is measured in, so that it is a mean over dimensions: distances to 1 are not divided by D.
    smallest = max(least.unit * math.sqrt(dims), _SMALLEST_UNIT)
    area = unit.square() * dims if drift.scale == "none" else mean.clamp_min(smallest).square()
    length = _Length(basis, gram, area)
    far = SELF_DISTANCE if drift.floor else math.inf
    near = torch.cat([_repelling(to_x, drift.negatives, drift.shifts, far), to_m], -1)
    h = torch.tensor(widths, dtype=gram.dtype, device=gram.device)[:, None, None, None]
    pull = _pulling(to_y, drift.positives, of_prompt)
    log_neg, log_pos = log_weights(-near / h, -pull / h, drift.normalise, drift.floor)
    largest = torch.maximum(log_neg.amax((1, 2, 3), keepdim=True), log_pos.amax((1, 2, 3), keepdim=True))
    a_neg, a_pos = (log_neg - largest).exp(), (log_pos - largest).exp()

    # rows of coefficients of the basis, [H, P, n, 2n + M]
    nothing = torch.zeros_like(a_pos)
    attract = _less_row_sum(torch.cat([nothing, a_pos, torch.zeros_like(a_neg[..., n:])], -1))
    repel = _less_row_sum(torch.cat([a_neg[..., :n], nothing, a_neg[..., n:]], -1))
    v = attract - drift.repulsion * repel
    factor = largest.flatten().exp()
    square, z = _sizes(length(v), largest.view(-1, 1), drift.equalise, groups, running, least)
    together = (v / z[:, :, None, None]).sum(0)
    value = ((square / z).mean(1) * factor).sum() if drift.combine == "losses" else _mean(length(together[None]))[0]
    size = dims if drift.norm == "sum" else 1
    gradient = together @ basis * (-2 * size / (area * n * len(basis)))
    ratio = (_mean(length(repel)) / _mean(length(attract)).clamp_min(1e-30)).sqrt()
    stats = _stats(widths, square.mean(1).sqrt() * factor, ratio, to_y, unit)
    return DriftField(_batch(gradient, groups), value * size, stats)


def _less_row_sum(weights: Tensor) -> Tensor:
    """Write sum_j w_ij (t_j - X_i) as coefficients of the basis [.., n, 2n + M].

    A target is X_j, Y_j = X_j + (Y_j - X_j) or remembered, so the weight of Y_j counts for X_j, too.
    """
    n = weights.shape[-2]
    parts = weights.split([n, n, weights.shape[-1] - 2 * n], -1)  # summed apart: equal parts must have equal sums
    own = parts[0] + parts[1] - torch.diag_embed(sum(part.sum(-1) for part in parts))
    return torch.cat([own, *parts[1:]], -1)


@dataclass(frozen=True)
class _Length:
    """|v_i|^2 / area [H, P, n] of v = coefficients @ basis: from inner products, or, with drafts remembered, directly,
    since their number squared may be large."""

    basis: Tensor  # [P, 2n + M, D]
    gram: Tensor  # of its first 2n rows
    area: Tensor

    def __call__(self, coefficients: Tensor) -> Tensor:
        if self.basis.shape[1] > self.gram.shape[1]:
            return (coefficients @ self.basis).square().sum(-1) / self.area.squeeze(-1)
        return ((coefficients @ (self.gram / self.area)) * coefficients).sum(-1)


def _mean(lengths: Tensor) -> Tensor:
    """Average over problems and samples: [H]."""
    return lengths.mean((1, 2)).clamp_min(0)


def _distances(gram: Tensor) -> tuple[Tensor, Tensor]:
    """Compute |X_i - X_j| and |X_i - Y_j|, both [P, n, n], from the inner products of [X, E = Y - X].

    Through E, a refinement that changes nothing has bitwise the distances of its draft: V is exactly 0 there.
    """
    n = gram.shape[1] // 2
    length = gram.diagonal(dim1=1, dim2=2)
    x, e = length[:, None, :n], length[:, None, n:]
    to_x = x.mT + x - 2 * gram[:, :n, :n]
    x_e = gram[:, :n, n:]
    to_y = to_x - 2 * (x_e - x_e.diagonal(dim1=1, dim2=2)[:, None]) + e
    return to_x.clamp_min(0).sqrt(), to_y.clamp_min(0).sqrt()


def _unit(to_x: Tensor, to_y: Tensor, to_m: Tensor, scale: str, groups: int, running: Running) -> Tensor:
    """Return the distance that counts as 1: [] or, per position, [P, 1, 1]."""
    if scale == "none":
        return to_x.new_ones(())
    mean = (to_x + to_y) / 2
    if to_m.numel():
        mean = torch.cat([mean, mean, to_m], -1)
    if scale == "position":
        return mean.unflatten(0, (groups, -1)).mean((0, 2, 3)).repeat(groups)[:, None, None]
    unit = mean.mean()
    return running.update("unit", unit) if scale == "running" else unit


def _sizes(
    lengths: Tensor, level: Tensor, equalise: str, groups: int, running: Running, least: Guards
) -> tuple[Tensor, Tensor]:
    """Compute (mean |V_h|^2, Z_h), both [H, 1] or, per position, [H, P]; both without the factor exp(level [H, 1]) of
    V_h.

    lengths [H, P, n]: |V_h|^2 of each sample.
    """
    if equalise == "position":
        square = lengths.mean(2).clamp_min(0).unflatten(1, (groups, -1)).mean(1).repeat(1, groups)
    else:
        square = _mean(lengths)[:, None]
    if equalise == "none":
        return square, (-level).exp()
    lowest = (-level).clamp_max(80).exp() if least.whole else 1.0  # finite in float32
    z = square.sqrt().clamp_min(math.sqrt(least.square) * lowest)
    if equalise == "running":  # of the logarithm: the RMS of a narrow kernel may not fit a float
        z = (running.update("log_z", z.log() + level) - level).exp()
    return square, z


def _repelling(to_x: Tensor, negatives: str, shifts: int, far: float) -> Tensor:
    """Return the distances [P, n, n] to the drafts that repel; infinite, or for the own one `far` more, to those that
    do not.

    far: finite where there is a floor, which lifts the masked self pair in the published code.
    """
    index = torch.arange(to_x.shape[-1], device=to_x.device)
    if negatives == "self_masked":
        to_x = torch.where(index[:, None] == index, to_x + far, to_x)
    if not shifts:
        return to_x
    ahead = (index - index[:, None]) % len(index)
    return to_x.masked_fill((ahead < 1) | (ahead > shifts), math.inf)


def _pulling(to_y: Tensor, positives: str, of_prompt: int) -> Tensor:
    """Return the distances [P, n, n] to the refinements, infinite to those that do not attract. of_prompt: samples
    of a prompt.
    """
    if positives == "all":
        return to_y
    index = torch.arange(to_y.shape[-1], device=to_y.device)
    block = index // of_prompt if positives == "condition" else index
    same = block[:, None] == block
    return to_y.masked_fill(same if positives == "others" else ~same, math.inf)


def _problems(features: Tensor, groups: int) -> Tensor:
    """Rearrange features into problems: [B, F, D] -> [P, n, D] in at least float32."""
    wide = features.detach().to(torch.promote_types(features.dtype, torch.float32))
    return wide.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)


def _basis(x: Tensor, y: Tensor, memory: Tensor | None) -> Tensor:
    """Build the basis [P, 2n + M, D]: X_i, Y_i - X_i and the remembered drafts [M, F, D]; X and those moved to the
    mean of X.
    """
    centre = x.mean(1, keepdim=True)
    if memory is None:
        return torch.cat([x - centre, y - x], 1)
    remembered = _problems(memory, 1)
    return torch.cat([x - centre, y - x, remembered.repeat(len(x) // len(remembered), 1, 1).to(x) - centre], 1)


def _batch(problems: Tensor, groups: int) -> Tensor:
    """Rearrange problems into features, the inverse of `_problems`."""
    return problems.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)


def _stats(widths: list[float], rms: Tensor, ratio: Tensor, to_y: Tensor, unit: Tensor) -> dict[str, float]:
    own = to_y.diagonal(dim1=1, dim2=2).mean()
    numbers = torch.cat([rms, ratio, own[None], unit.mean()[None]]).tolist()
    names = [f"rms_{h:g}" for h in widths] + [f"repulsion_{h:g}" for h in widths] + ["distance", "scale"]
    return dict(zip(names, numbers, strict=True))


def _check_choices(drift: DriftConfig) -> None:
    for kind, names in CHOICES.items():
        if getattr(drift, kind) not in names:
            raise UnknownName(f"drift.{kind}", getattr(drift, kind), names)
    if not 0 <= drift.floor < 1:
        raise ConfigError(f"drift.floor must lie in [0, 1); got {drift.floor}.")


def _check_sizes(student: Tensor, refined: Tensor, drift: DriftConfig, groups: int) -> list[float]:
    """Check the sizes of features and settings; return the bandwidths in ascending order. Raises ConfigError."""
    widths = sorted(float(h) for h in drift.bandwidths)
    if not widths or not all(0 < h < math.inf for h in widths):
        raise ConfigError(f"drift.bandwidths must be one or more finite numbers > 0; got {list(drift.bandwidths)}.")
    if student.ndim != 3 or student.shape != refined.shape:
        raise ConfigError(f"Features must be two equal [B, F, D]; got {list(student.shape)} and {list(refined.shape)}.")
    if groups < 1 or len(student) % groups:
        raise ConfigError(f"A batch of {len(student)} drafts cannot be cut into {groups} equal groups.")
    negatives, positives, shifts = drift.negatives, drift.positives, drift.shifts
    if len(student) == groups and (negatives == "self_masked" or positives == "others"):
        raise ConfigError(
            f"One sample per group leaves nothing to compare with for negatives={negatives}, positives={positives}. "
            "Raise optim.samples_per_condition to 2 or more, or use drift.negatives=roll with drift.positives=all."
        )
    compared = len(student) if positives == "condition" else len(student) // groups
    if shifts and (negatives != "roll" or not 0 < shifts < compared):
        raise ConfigError(
            f"drift.shifts={shifts} needs drift.negatives=roll and lies below the {compared} drafts that are compared; "
            f"got negatives={negatives}. 0 = all of them."
        )
    return widths
