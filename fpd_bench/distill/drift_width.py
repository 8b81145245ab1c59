"""The field of one bandwidth (Eq. 6) and its length, as coefficients of the basis of drift_geometry.py.

One bandwidth at a time: its matrices stay in the processor's cache, where those of all bandwidths together do not.
Letters as in drift_geometry.py: P problems of n samples, M drafts remembered, a basis of 2n + M vectors.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fpd_bench.config.schema import DriftConfig
from fpd_bench.distill.affinity import log_weights
from fpd_bench.distill.drift_geometry import mean_length


@dataclass(frozen=True)
class Ruler:
    """Measures |v_i|^2 / area of v = coefficients @ basis: by inner products, or, with drafts remembered, directly,
    since their number squared may be large. A shadow of v is what its length is read from.
    """

    basis: Tensor  # [P, 2n + M, D]
    gram: Tensor  # [P, 2n, 2n], of its first 2n rows, over the area
    area: Tensor

    def squares(self, coefficients: Tensor) -> Tensor:
        """Measure |v_i|^2 [P, n] of coefficients [P, n, 2n + M]."""
        return self.read(self.shadow(coefficients), coefficients)

    def shadow(self, coefficients: Tensor) -> Tensor:
        """Compute coefficients of the first rows of the basis, or of all, times the inner products or the basis."""
        against = self.basis if self._remembers else self.gram
        return coefficients @ against[:, : coefficients.shape[-1]]

    def read(self, shadow: Tensor, coefficients: Tensor) -> Tensor:
        """Read |v_i|^2 [P, n] off a shadow."""
        if self._remembers:
            return shadow.square().sum(-1) / self.area.squeeze(-1)
        return (shadow[..., : coefficients.shape[-1]] * coefficients).sum(-1)

    @property
    def _remembers(self) -> bool:
        return self.basis.shape[1] > self.gram.shape[1]


@dataclass(frozen=True)
class WidthField:
    """V_h without its factor exp(level []). coefficients [P, n, 2n + M]; squares [P, n] = |V_h|^2; ratio []: norm of
    repulsion over that of attraction."""

    level: Tensor
    coefficients: Tensor
    squares: Tensor
    ratio: Tensor


def field_at(width: float, near: Tensor, pull: Tensor, drift: DriftConfig, ruler: Ruler) -> WidthField:
    """Weigh and add up at one bandwidth; near [P, n, n + M], pull [P, n, n]: distances to negatives and positives."""
    log_neg, log_pos = log_weights(near / -width, pull / -width, drift.normalise, drift.floor)
    level = torch.maximum(log_neg.max(), log_pos.max())
    n = len(pull[0])
    # A target is X_j, Y_j = X_j + (Y_j - X_j) or remembered, so the weight of Y_j counts for X_j, too.
    weight = log_pos.sub_(level).exp_()
    attract = torch.cat([weight, weight], -1)
    attract.diagonal(dim1=1, dim2=2).sub_(weight.sum(-1))
    repel = log_neg.sub_(level).exp_()
    mass = repel[..., :n].sum(-1) + repel[..., n:].sum(-1)
    repel.diagonal(dim1=1, dim2=2).sub_(mass)
    field = _less(attract, repel, drift.repulsion)
    shadow, of_repel = ruler.shadow(field), _repel_shadow(repel, n, ruler)
    pulled = mean_length(ruler.read(torch.add(shadow, of_repel, alpha=drift.repulsion), attract)[None])[0]
    pushed = mean_length(ruler.read(of_repel, repel)[None])[0]
    return WidthField(level, field, ruler.read(shadow, field), (pushed / pulled.clamp_min(1e-30)).sqrt())


def _less(attract: Tensor, repel: Tensor, repulsion: float) -> Tensor:
    """Subtract: attract [P, n, 2n] and repel [P, n, n + M] -> [P, n, 2n + M]."""
    n = repel.shape[1]
    field = torch.cat([attract, repel[..., n:] * -repulsion], -1)
    field[..., :n] -= repulsion * repel[..., :n]
    return field


def _repel_shadow(repel: Tensor, n: int, ruler: Ruler) -> Tensor:
    """Compute the shadow of repel, which has no part in the steps E."""
    shadow = ruler.shadow(repel[..., :n])
    return shadow + repel[..., n:] @ ruler.basis[:, 2 * n :] if repel.shape[-1] > n else shadow
