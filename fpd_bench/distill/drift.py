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

from fpd_bench.config.schema import DriftConfig
from fpd_bench.distill.drift_checks import check_choices, check_sizes
from fpd_bench.distill.drift_geometry import (
    as_batch,
    as_problems,
    basis_of,
    distances_to_negatives,
    distances_to_positives,
    gram_of,
    mean_length,
    mean_square_and_z,
    own_distances,
    unit_distance,
)
from fpd_bench.distill.drift_width import Ruler, field_at
from fpd_bench.distill.guards import GUARDS, SELF_DISTANCE
from fpd_bench.distill.running_means import RunningMeans

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
    running: RunningMeans | None = None,
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
    check_choices(drift)
    widths = check_sizes(student, refined, drift, groups)
    running = running or RunningMeans()
    of_prompt = len(student) // groups  # samples
    groups = 1 if drift.positives == "condition" else groups
    basis = basis_of(as_problems(student, groups), as_problems(refined, groups), memory)
    n = len(student) // groups
    gram = gram_of(basis, n)
    least, dims = GUARDS[drift.guards], student.shape[-1]
    to_x, to_y, to_m = (
        d.clamp_min(least.distance) for d in (*own_distances(gram), torch.cdist(basis[:, :n], basis[:, 2 * n :]))
    )
    mean = unit_distance(to_x, to_y, to_m, drift.scale, groups, running)
    unit = mean.clamp_min(least.scale)
    to_x, to_y, to_m = to_x / unit, to_y / unit, to_m / unit
    # What a squared length is measured in, so that it is a mean over dimensions: distances to 1 are not divided by D.
    smallest = max(least.unit * math.sqrt(dims), _SMALLEST_UNIT)
    area = unit.square() * dims if drift.scale == "none" else mean.clamp_min(smallest).square()
    far = SELF_DISTANCE if drift.floor else math.inf
    near = torch.cat([distances_to_negatives(to_x, drift.negatives, drift.shifts, far), to_m], -1)
    pull = distances_to_positives(to_y, drift.positives, of_prompt)
    measure = Ruler(basis, gram / area, area)
    fields = [field_at(h, near, pull, drift, measure) for h in widths]

    largest = torch.stack([field.level for field in fields])[:, None]
    factor = largest.flatten().exp()
    squares = torch.stack([field.squares for field in fields])
    square, z = mean_square_and_z(squares, largest, drift.equalise, groups, running, least)
    together = sum(field.coefficients / each[:, None, None] for field, each in zip(fields, z, strict=True))
    if drift.combine == "losses":
        value = ((square / z).mean(1) * factor).sum()
    else:
        value = mean_length(measure.squares(together)[None])[0]
    size = dims if drift.norm == "sum" else 1
    gradient = (together @ basis).mul_(-2 * size / (area * n * len(basis)))
    stats = _stats(widths, square.mean(1).sqrt() * factor, torch.stack([f.ratio for f in fields]), to_y, unit)
    return DriftField(as_batch(gradient, groups), value * size, stats)


def _stats(widths: list[float], rms: Tensor, ratio: Tensor, to_y: Tensor, unit: Tensor) -> dict[str, float]:
    own = to_y.diagonal(dim1=1, dim2=2).mean()
    numbers = torch.cat([rms, ratio, own[None], unit.mean()[None]]).tolist()
    names = [f"rms_{h:g}" for h in widths] + [f"repulsion_{h:g}" for h in widths] + ["distance", "scale"]
    return dict(zip(names, numbers, strict=True))
