"""FID_inf (Chong & Forsyth 2020, arXiv:1911.07023): FID as it would be with infinitely many generated images.

FID of N images is biased by an amount that is nearly linear in 1/N, and by another amount for another generator. So
FIDs of random subsets of several sizes are fitted by a line in 1/N, and the line is read at 0.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

SIZES = 15  # of subsets, evenly spaced
SMALLEST = 5  # subsets begin at N / SMALLEST, but with more images than features
SEED = 0


def at_infinity(generated: Tensor, fid: Callable[[Tensor], float]) -> float:
    """Extrapolate FID of made [N, D]; fid: of such features against the reference. nan if N is too small for it."""
    n, dimensions = generated.shape
    least = max(n // SMALLEST, dimensions + 1)
    if least * 2 > n:
        return float("nan")
    order = torch.Generator().manual_seed(SEED)
    sizes = np.linspace(least, n, SIZES).round().astype(int)
    values = [fid(generated[torch.randperm(n, generator=order)[:size]]) for size in sizes.tolist()]
    return float(np.polyfit(1 / sizes, values, 1)[1])
