"""A suite's images on disk: shards while they are drawn, one .npz when all are, both written and read in pieces.

A shard is a file <first>.npy of consecutive images, uint8 [n, H, W, 3], in the order item by item, replicate by
replicate. It is there whole or not at all, so a killed sampling goes on behind its last shard. Needs no torch.
"""

import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fpd_bench.runs.folder import sealed

Images = NDArray[np.uint8]
MEMBER = "images.npy"  # what numpy calls the array `images` inside an .npz


def save_shard(folder: Path, first: int, images: Images) -> None:
    """Write a shard of images [n, H, W, 3], the suite's images number `first` and on."""

    def write(path: Path) -> None:
        with path.open("wb") as file:  # numpy would add .npy to a bare name
            np.save(file, images)

    sealed.write(_shard_path(folder, first), write)


def count_kept(folder: Path, size: int, total: int, warn: Callable[[str], None]) -> int:
    """Count how many of `total` images, from the first on, are in sound shards of `size`. `warn` hears of damaged
    ones.
    """
    first = 0
    while first < total:
        path, expected = _shard_path(folder, first), min(size, total - first)
        if not path.exists():
            return first
        trouble = sealed.trouble(path) or _shard_trouble(expected, path)
        if trouble:
            warn(f"shard {path.name} {trouble}; drawing goes on from there")
            return first
        first += expected
    return total


def _shard_trouble(expected: int, path: Path) -> str:
    """Say why the file at `path` is not a shard of `expected` images; '' if it is."""
    try:
        found = np.load(path, mmap_mode="r")
    except (ValueError, EOFError, OSError) as error:
        return f"cannot be read ({error})"
    return "" if found.ndim == 4 and len(found) == expected else f"does not hold {expected} images"


def join_shards(folder: Path, path: Path, items: int, replicates: int, size: int) -> None:
    """Make `path`, an .npz of `images` uint8 [items, replicates, H, W, 3], from all shards, one at a time."""
    total = items * replicates

    def write(temporary: Path) -> None:
        with (
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open(MEMBER, "w", force_zip64=True) as file,
        ):
            for first in range(0, total, size):
                shard = np.load(_shard_path(folder, first))
                if first == 0:
                    shape = (items, replicates, *shard.shape[1:])
                    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(file, header)
                file.write(np.ascontiguousarray(shard).data)

    sealed.write(path, write)
    shutil.rmtree(folder, ignore_errors=True)


def images_by_item(path: Path) -> Iterator[Images]:
    """Read the images of item after item, [replicates, H, W, 3], from what `join` made, one item in memory at a
    time.
    """
    with zipfile.ZipFile(path) as archive, archive.open(MEMBER) as file:
        np.lib.format.read_magic(file)
        (items, *shape), _, _ = np.lib.format.read_array_header_1_0(file)
        for _ in range(items):
            yield (
                np.frombuffer(file.read(int(np.prod(shape))), dtype=np.uint8).reshape(shape).copy()
            )  # a scorer may write


def _shard_path(folder: Path, first: int) -> Path:
    return folder / f"{first:08d}.npy"
