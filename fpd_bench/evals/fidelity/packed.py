"""Images in .npz files, as ADM's evaluation and our own runs pack them, read from disk a few at a time."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.files import arrays

KEYS = ("arr_0", "images")  # of ADM's sample batches, and of our own runs
MEMORY = 1 << 30  # bytes of one batch: images that are larger than any real one come one by one


class Batches:
    """.npz files with uint8 [..., H, W, 3] under `arr_0` or `images`."""

    def __init__(self, files: Sequence[Path]):
        self.files = list(files)
        self._held = [_held(path) for path in self.files]

    def __len__(self) -> int:
        return sum(count for _, count, _ in self._held)

    @cached_property
    def digest(self) -> str:
        combined = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as file:
                combined.update(hashlib.file_digest(file, "sha256").digest())
        return combined.hexdigest()

    def batches(self, size: int) -> Iterator[NDArray[np.uint8]]:
        """Yield batches as `Images.batches`."""
        for path, (key, _, shape) in zip(self.files, self._held, strict=True):
            expected = self._held[0][2]
            if shape != expected:
                raise ConfigError(f"'{path}' holds images of {shape} px, the files before it of {expected}.")
            one = shape[0] * shape[1] * 3
            for content in arrays.chunks(path, key, one * max(1, min(size, MEMORY // one))):
                yield np.frombuffer(content, dtype=np.uint8).reshape(-1, *shape, 3).copy()


def _held(path: Path) -> tuple[str, int, tuple[int, int]]:
    """Read (array's name, number of images, (H, W)) of a file. Raises AssetError."""
    names = arrays.names(path)
    keys = [key for key in KEYS if key in names]
    if len(keys) != 1:
        raise AssetError(
            f"'{path}' has the arrays {', '.join(names)}; images must be under exactly one of the names "
            f"{' and '.join(KEYS)}."
        )
    found = arrays.header(path, keys[0])
    shape = found.shape
    if found.dtype != np.uint8 or found.fortran or len(shape) < 4 or shape[-1] != 3 or not math.prod(shape):
        raise AssetError(f"'{path}' holds {found.dtype} {list(shape)}; images must be uint8 [n, H, W, 3].")
    return keys[0], math.prod(shape[:-3]), (shape[-3], shape[-2])
