"""Split a colour-labelled image into objects: connected areas of one colour, without the rims between colours."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
AROUND = np.ones((3, 3), dtype=bool)  # 8 neighbours


@dataclass(frozen=True)
class _Piece:
    mask: Mask
    area: int
    deep: bool  # thicker than a rim of anti-aliased pixels


def find_objects(labels: NDArray[np.int64], n_colours: int, scale: float) -> NDArray[np.int64]:
    """Find the owner of every pixel [H, W]: 0 nobody, 1, 2, ... the objects found, best first.

    labels: [H, W], index of the nearest colour on the foreground, -1 on the background.
    scale: image side / 32; every pixel constant grows with it.
    """
    owner = np.zeros(labels.shape, dtype=np.int64)
    count = 0
    for piece in sorted(_pieces(labels, n_colours, scale), key=lambda p: (not p.deep, -p.area)):
        if not piece.deep and count and _is_rim(piece, owner > 0, scale):
            continue
        count += 1
        owner[piece.mask] = count
    if count:
        _assign_loose_pixels(owner, labels >= 0, 1.5 * scale + 0.5)
    return owner


def smallest_area(scale: float) -> float:
    """Return the least area of an object, in px."""
    return 12 * scale**2


def _pieces(labels: NDArray[np.int64], n_colours: int, scale: float) -> list[_Piece]:
    least = 0.4 * smallest_area(scale)
    pieces = []
    areas = np.bincount(labels.reshape(-1) + 1, minlength=n_colours + 1)[1:]
    for colour in np.flatnonzero(areas >= max(least, 1)):
        mask = labels == colour
        numbered, n = ndimage.label(mask, AROUND)
        sizes = np.bincount(numbered.reshape(-1), minlength=n + 1)
        big = [i for i in range(1, n + 1) if sizes[i] >= least]
        if not big:
            continue
        depth = ndimage.distance_transform_cdt(np.pad(mask, 1), "chessboard")[1:-1, 1:-1]
        for i in big:
            part = numbered == i
            pieces.append(_Piece(part, int(sizes[i]), bool(depth[part].max() > scale)))
    return pieces


def _is_rim(piece: _Piece, taken: Mask, scale: float) -> bool:
    """Say whether a thin piece mostly hugs an object already taken: the mixed colours along its edge."""
    near = ndimage.binary_dilation(taken, AROUND, iterations=max(1, round(scale)))
    return bool(near[piece.mask].mean() > 0.45)


def _assign_loose_pixels(owner: NDArray[np.int64], foreground: Mask, reach: float) -> None:
    """Give every loose foreground pixel to the nearest object, if that lies within `reach` px."""
    loose = foreground & (owner == 0)
    if not loose.any():
        return
    distance, (row, column) = ndimage.distance_transform_edt(owner == 0, return_indices=True)
    close = loose & (distance <= reach)
    owner[close] = owner[row[close], column[close]]
