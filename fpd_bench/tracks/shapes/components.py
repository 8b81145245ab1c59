"""Split colour-labelled images into objects: connected areas of one colour, without the rims between colours.

All images of a batch go through each step together. Letters: n images of S x S px, q pieces.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fpd_bench.tracks.shapes.squares import grow, shrink

Mask = NDArray[np.bool_]
Numbers = NDArray[Any]
_IN_PLANE = np.stack([np.zeros((3, 3)), np.ones((3, 3)), np.zeros((3, 3))]).astype(bool)  # 8 neighbours, same image
_FEW_PLACES = 2.5  # px of reach up to which every place is looked at


@dataclass(frozen=True)
class _Pieces:
    """of [n, S, S]: the piece that has a pixel, from 1, best first within each image; 0 none. image, area, deep [q]:
    deep = thicker than a rim of anti-aliased pixels."""

    of: Numbers
    image: Numbers
    area: Numbers
    deep: Mask


def find_objects(labels: NDArray[np.int64], n_colours: int, scale: float) -> NDArray[np.int64]:
    """Find the owner of every pixel [..., S, S]: 0 nobody, 1, 2, ... the objects found in the image, best first.

    labels: [..., S, S], index of the nearest colour on the foreground, -1 on the background.
    scale: image side / 32; every pixel constant grows with it.
    """
    images = labels.reshape(-1, *labels.shape[-2:])
    pieces = _pieces(images, n_colours, scale)
    taken = _without_rims(pieces, max(1, round(scale)))
    number = np.zeros(len(taken) + 1, dtype=np.int64)
    before = np.searchsorted(pieces.image, pieces.image)  # first piece of the same image
    count = np.concatenate([[0], np.cumsum(taken)])
    number[1:] = np.where(taken, count[1:] - count[before], 0)
    owner = number[pieces.of]
    _assign_loose_pixels(owner, images >= 0, 1.5 * scale + 0.5)
    return owner.reshape(labels.shape)


def smallest_area(scale: float) -> float:
    """Return the least area of an object, in px."""
    return 12 * scale**2


def _pieces(labels: NDArray[np.int64], n_colours: int, scale: float) -> _Pieces:
    least, n, size = 0.4 * smallest_area(scale), len(labels), labels[0].size
    with_none = labels + 1 + (np.arange(n) * (n_colours + 1))[:, None, None]
    areas = np.bincount(with_none.reshape(-1), minlength=n * (n_colours + 1)).reshape(n, -1)[:, 1:]
    image, colour = np.nonzero(areas >= max(least, 1))
    planes = labels[image] == colour[:, None, None]
    numbered, most = ndimage.label(planes, _IN_PLANE)
    place = np.flatnonzero(numbered)  # in all planes
    piece = numbered.reshape(-1)[place]
    plane_of = np.zeros(most + 1, dtype=np.int64)
    plane_of[piece] = place // size
    area = np.bincount(piece, minlength=most + 1)
    deep = np.zeros(most + 1, dtype=bool)
    deep[numbered[shrink(planes, int(scale))]] = True
    big = np.flatnonzero(area >= least)
    big = big[big > 0]
    image_of = image[plane_of[big]]
    order = np.lexsort((-area[big], ~deep[big], image_of))
    rank = np.zeros(most + 1, dtype=np.int64)
    rank[big[order]] = np.arange(len(big)) + 1
    of = np.zeros(labels.size, dtype=np.int64)
    of[image[place // size] * size + place % size] = rank[piece]
    chosen = big[order]
    return _Pieces(of.reshape(labels.shape), image_of[order], area[chosen], deep[chosen])


def _without_rims(pieces: _Pieces, near: int) -> Mask:
    """Say which pieces [q] are objects: not a thin one that mostly hugs an object already taken, within `near` px:
    these are the mixed colours along its edge. One thin piece of each image is judged at a time."""
    taken = pieces.deep.copy()
    thin = np.flatnonzero(~taken)
    turn = np.arange(len(thin)) - np.searchsorted(pieces.image[thin], pieces.image[thin])
    for now in range(turn.max(initial=-1) + 1):
        asked = thin[turn == now]
        of = pieces.of[pieces.image[asked]]
        theirs = np.concatenate([[False], taken])[of]
        hugging = (grow(theirs, near) & (of == asked[:, None, None] + 1)).sum((1, 2))
        taken[asked] = ~((hugging / pieces.area[asked] > 0.45) & theirs.any((1, 2)))
    return taken


def _assign_loose_pixels(owner: NDArray[np.int64], foreground: Mask, reach: float) -> None:
    """Give every loose foreground pixel of owner [n, S, S] to the nearest object, if that lies within `reach` px."""
    image, row, column = np.nonzero(foreground & (owner == 0))
    nearest = np.zeros(len(image), dtype=np.int64)
    tied = np.ones(len(image), dtype=bool)
    if reach <= _FEW_PLACES:
        nearest, tied = _nearest(owner, image, row, column, reach)
    for one in np.unique(image[tied]):  # whom a tie goes to is the transform's own choice
        mine = image == one
        if owner[one].any():
            far, (r, c) = ndimage.distance_transform_edt(owner[one] == 0, return_indices=True)
            at = row[mine], column[mine]
            nearest[mine] = np.where(far[at] <= reach, owner[one][r[at], c[at]], 0)
    owner[image, row, column] = nearest


def _nearest(owner: Numbers, image: Numbers, row: Numbers, column: Numbers, reach: float) -> tuple[Numbers, Mask]:
    """Find the nearest owner of some pixels, 0 beyond `reach` px; and whether two are equally near."""
    wide = int(reach)
    padded = np.pad(owner, ((0, 0), (wide, wide), (wide, wide)))
    side = np.arange(-wide, wide + 1)
    square = (side**2)[:, None] + side**2
    nearest, tied = np.zeros(len(image), dtype=np.int64), np.zeros(len(image), dtype=bool)
    for distance in np.unique(square[(square > 0) & (square <= reach**2)]):
        down, right = np.nonzero(square == distance)
        seen = padded[image, row + down[:, None], column + right[:, None]]
        most = seen.max(0)
        least = np.where(seen > 0, seen, most).min(0)
        new = nearest == 0
        tied |= new & (least < most)
        nearest = np.where(new, most, nearest)
    return nearest, tied
