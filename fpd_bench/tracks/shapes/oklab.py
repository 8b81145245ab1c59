"""sRGB to OKLab, a colour space in which Euclidean distance is close to what the eye sees.

B. Ottosson, "A perceptual color space for image processing", 2020 (bottosson.github.io/posts/oklab).
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def oklab(rgb: NDArray[Any]) -> NDArray[np.float64]:
    """Convert sRGB [..., 3] in 0-255 -> OKLab [..., 3] (L, a, b)."""
    value = np.asarray(rgb, dtype=np.float64) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _LMS.T) @ _LAB.T


@cache
def bin_colours() -> NDArray[np.float64]:
    """Compute the OKLab of the middle of every 5-bit colour bin, [32768, 3]; index it with `bins`."""
    middle = np.arange(32) * 8 + 4
    return oklab(np.stack(np.meshgrid(middle, middle, middle, indexing="ij"), axis=-1).reshape(-1, 3))


def bin_of(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Find the colour bins: uint8 [..., 3] -> row of `table()` [...]."""
    red, green, blue = np.moveaxis(image.astype(np.int64) >> 3, -1, 0)
    return (red << 10) | (green << 5) | blue


@cache
def bin_planes() -> tuple[NDArray[np.float64], ...]:
    """Return L, a and b of every colour bin apart, each [32768]."""
    return tuple(np.ascontiguousarray(plane) for plane in bin_colours().T)


@cache
def ranked_planes() -> tuple[tuple[NDArray[np.int64], NDArray[np.float64]], ...]:
    """Return for L, a and b the rank of every colour bin's value, and the sorted values, both [32768]."""
    ranked = []
    for plane in bin_planes():
        order = np.argsort(plane, kind="stable")
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        ranked.append((rank, plane[order]))
    return tuple(ranked)
