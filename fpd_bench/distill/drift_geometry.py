"""Geometry of the drift (Eq. 6-7): features as independent problems, their distances, and lengths of fields.

A field is kept as coefficients of a basis [P, 2n + M, D] (drafts X_i, steps Y_i - X_i, remembered drafts), so that its
length needs inner products only.

Letters: B samples, F positions, D dimensions, H bandwidths; n = B / groups samples compared with one another; M drafts
remembered; P = groups * F independent problems; i runs over the n students of a problem, j over its targets.
"""

import math

import torch
from torch import Tensor

from fpd_bench.distill.guards import Guards
from fpd_bench.distill.running_means import RunningMeans


def as_problems(features: Tensor, groups: int) -> Tensor:
    """Rearrange features into problems: [B, F, D] -> [P, n, D] in at least float32."""
    wide = features.detach().to(torch.promote_types(features.dtype, torch.float32))
    return wide.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)


def as_batch(problems: Tensor, groups: int) -> Tensor:
    """Rearrange problems into features, the inverse of `as_problems`."""
    return problems.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)


def basis_of(x: Tensor, y: Tensor, memory: Tensor | None) -> Tensor:
    """Build the basis [P, 2n + M, D]: X_i, Y_i - X_i and the remembered drafts [M, F, D]; X and those moved to the
    mean of X.
    """
    n, of_memory = x.shape[1], 0 if memory is None else len(memory)
    basis = x.new_empty(len(x), 2 * n + of_memory, x.shape[2])
    centre = x.mean(1, keepdim=True)
    torch.sub(x, centre, out=basis[:, :n])
    torch.sub(y, x, out=basis[:, n : 2 * n])
    if memory is not None:
        remembered = as_problems(memory, 1)
        basis[:, 2 * n :] = remembered.repeat(len(x) // len(remembered), 1, 1).to(x) - centre
    return basis


def own_distances(gram: Tensor) -> tuple[Tensor, Tensor]:
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


def distances_to_negatives(to_x: Tensor, negatives: str, shifts: int, far: float) -> Tensor:
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


def distances_to_positives(to_y: Tensor, positives: str, of_prompt: int) -> Tensor:
    """Return the distances [P, n, n] to the refinements, infinite to those that do not attract. of_prompt: samples
    of a prompt.
    """
    if positives == "all":
        return to_y
    index = torch.arange(to_y.shape[-1], device=to_y.device)
    block = index // of_prompt if positives == "condition" else index
    same = block[:, None] == block
    return to_y.masked_fill(same if positives == "others" else ~same, math.inf)


def unit_distance(to_x: Tensor, to_y: Tensor, to_m: Tensor, scale: str, groups: int, running: RunningMeans) -> Tensor:
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


def gram_of(basis: Tensor, n: int) -> Tensor:
    """Compute the inner products [P, 2n, 2n] of X and E = Y - X; those of E with X are X's with E, turned over."""
    x, e = basis[:, :n], basis[:, n : 2 * n]
    gram = basis.new_empty(len(basis), 2 * n, 2 * n)
    gram[:, :n] = x @ basis[:, : 2 * n].mT
    gram[:, n:, :n] = gram[:, :n, n:].mT
    gram[:, n:, n:] = e @ e.mT
    return gram


def mean_length(lengths: Tensor) -> Tensor:
    """Average squared lengths over problems and samples: [H]."""
    return lengths.mean((1, 2)).clamp_min(0)


def mean_square_and_z(
    lengths: Tensor, level: Tensor, equalise: str, groups: int, running: RunningMeans, least: Guards
) -> tuple[Tensor, Tensor]:
    """Compute (mean |V_h|^2, Z_h), both [H, 1] or, per position, [H, P]; both without the factor exp(level [H, 1]) of
    V_h.

    lengths [H, P, n]: |V_h|^2 of each sample.
    """
    if equalise == "position":
        square = lengths.mean(2).clamp_min(0).unflatten(1, (groups, -1)).mean(1).repeat(1, groups)
    else:
        square = mean_length(lengths)[:, None]
    if equalise == "none":
        return square, (-level).exp()
    lowest = (-level).clamp_max(80).exp() if least.of_full_field else 1.0  # finite in float32
    z = square.sqrt().clamp_min(math.sqrt(least.square) * lowest)
    if equalise == "running":  # of the logarithm: the RMS of a narrow kernel may not fit a float
        z = (running.update("log_z", z.log() + level) - level).exp()
    return square, z
