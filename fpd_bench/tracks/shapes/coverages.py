"""Of the objects found in a batch of images: their median colour, and how much of every pixel each covers.

Letters: N objects in n images of S x S px.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpd_bench.tracks.shapes import oklab
from fpd_bench.tracks.shapes.squares import grow

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Objects:
    """image [N]: where each object is; masks [N, S, S]: its pixels."""

    image: NDArray[np.int64]
    masks: Mask


def medians(inside: Mask, bins: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute the median OKLab [N, 3] of the pixels `inside` [N, S, S], each mask having some, of bins [N, S, S]."""
    which = np.nonzero(inside)[0]
    counts = np.bincount(which, minlength=len(inside))
    first = np.cumsum(counts) - counts
    low, high = first + (counts - 1) // 2, first + counts // 2
    found = np.empty((len(inside), 3))
    for channel, (rank, value) in enumerate(oklab.ranked_planes()):
        # A sort of whole numbers, object by object: ranks stand in for values.
        ranks = np.sort(which * len(value) + rank[bins[inside]])
        found[:, channel] = (value[ranks[low] % len(value)] + value[ranks[high] % len(value)]) / 2
    return found


def coverages(
    objects: Objects,
    images: NDArray[np.uint8],
    owner: NDArray[np.int64],
    background: NDArray[np.float64],
    colours: NDArray[np.float64],
    scale: float,
) -> NDArray[np.float64]:
    """Estimate how much of each pixel an object covers, [N, S, S] in [0, 1.1]: the mix of its colour and the
    background.

    images [n, S, S, 3]; owner [n, S, S]; background [n, 3] and colours [N, 3] in RGB.
    """
    grown = grow(objects.masks, max(1, round(1.5 * scale)))
    zone = grown & ((owner[objects.image] == 0) | objects.masks)
    direction = colours - background[objects.image]
    length = np.vecdot(direction, direction)
    away = images.astype(np.float64) - background[:, None, None]
    along = (away[objects.image] @ direction[:, None, :, None])[..., 0]
    alpha = np.clip(along / np.where(length == 0, 1, length)[:, None, None], 0, 1.1) * zone
    alpha[length == 0] = 0
    return np.where(alpha < 0.06, 0.0, alpha)
