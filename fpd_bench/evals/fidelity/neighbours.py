"""Density and coverage (Naeem et al. 2020, arXiv:2002.09797): like precision and recall, but one outlier counts little.

A real image's ball reaches to its k-th nearest real neighbour. density: how many balls hold a generated image, over
what k real ones would give on average (may exceed 1). coverage: the share of balls that hold one or more of them.
Letters: N real, M generated images, D features.
"""

import torch
from torch import Tensor

NEIGHBOURS = 5  # k of the paper
ROWS = 1000  # real images at once


def density_and_coverage(generated: Tensor, real: Tensor, k: int = NEIGHBOURS) -> dict[str, float]:
    """Compute {"density", "coverage"} of made [M, D] and real [N, D], N > k."""
    inside, covered = 0, 0
    for part in real.double().split(ROWS):
        among = torch.cdist(part, real.double())
        radii = among.kthvalue(k + 1, dim=1).values  # the nearest of all is the image itself
        within = torch.cdist(part, generated.double()) < radii[:, None]
        inside += int(within.sum())
        covered += int(within.any(dim=1).sum())
    return {"density": inside / (k * len(generated)), "coverage": covered / len(real)}
