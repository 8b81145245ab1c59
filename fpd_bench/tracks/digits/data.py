"""The digits' images in three parts that nothing crosses, by preset (image_packages.py).

Every network, the classifier too, and every discriminator sees `train` only; settings are chosen on `validation`;
`heldout` is what published numbers are against. Two black pixels are put on each side, because 32 halves down to 4.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from fpd_bench.errors import UnknownName
from fpd_bench.tracks.digits.image_packages import source_of

CLASSES, PIXELS, BORDER = 10, 32, 2
DEFAULT = "default"
SPLIT_SEED = 0


@dataclass(frozen=True)
class Digits:
    """images uint8 [n, 32, 32], white on black; labels int64 [n]; class by class."""

    images: Tensor
    labels: Tensor


def digits(split: str, preset: str = DEFAULT) -> Digits:
    """Return the images of 'train', 'validation' or 'heldout'. Raises UnknownName; AssetError without the package."""
    shares = source_of(preset).shares
    if split not in shares:
        raise UnknownName("part of the digits", split, shares)
    return _split_parts(preset)[split]


@cache
def _split_parts(preset: str) -> dict[str, Digits]:
    source = source_of(preset)
    grey, labels = source.read()
    images = np.pad(grey, ((0, 0), (BORDER, BORDER), (BORDER, BORDER)))
    order = np.random.default_rng(SPLIT_SEED)
    rows: dict[str, list[np.ndarray]] = {split: [] for split in source.shares}
    for label in range(CLASSES):
        mixed, first = order.permutation(np.flatnonzero(labels == label)), 0
        for split, share in source.shares.items():
            rows[split].append(mixed[first : first + share])
            first += share
    chosen = {split: np.concatenate(found) for split, found in rows.items()}
    return {s: Digits(torch.from_numpy(images[r]), torch.from_numpy(labels[r])) for s, r in chosen.items()}


def batch_of(images: Tensor) -> Tensor:
    """Convert images: uint8 [n, 32, 32] -> float [n, 3, 32, 32] in [0, 1], all channels equal."""
    return (images.float() / 255)[:, None].expand(-1, 3, -1, -1).contiguous()
