"""Grow and shrink masks by squares, for many images at once. Letters: n images of S x S px."""

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def grow(masks: Mask, by: int) -> Mask:
    """Grow masks [n, S, S] by `by` px to all eight sides."""
    for _ in range(by):
        for axis in (1, 2):
            masks = _with_neighbours(masks, axis, np.logical_or)
    return masks


def shrink(masks: Mask, by: int) -> Mask:
    """Shrink masks [n, S, S] by `by` px from all eight sides; outside the image is nothing."""
    for _ in range(by):
        for axis in (1, 2):
            masks = _with_neighbours(masks, axis, np.logical_and, rim=False)
    return masks


def core(masks: Mask) -> Mask:
    """Keep the pixels of masks [n, S, S] whose four neighbours are in the mask, too."""
    return _with_neighbours(masks, 1, np.logical_and, rim=False) & _with_neighbours(masks, 2, np.logical_and, rim=False)


def _with_neighbours(masks: Mask, axis: int, join: np.ufunc, rim: bool = True) -> Mask:
    """Join each pixel with its two neighbours along an axis. rim: whether the outermost pixels can be in the result."""
    first, last = (slice(None),) * axis + (slice(1, None),), (slice(None),) * axis + (slice(None, -1),)
    found = masks.copy()
    join(found[last], masks[first], out=found[last])
    join(found[first], masks[last], out=found[first])
    if not rim:
        found[(slice(None),) * axis + ([0, -1],)] = False
    return found
