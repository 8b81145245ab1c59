"""Images as streams of uint8 batches: from a folder of files, or from .npz batches that are never held as a whole."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.fidelity.packed import Batches
from fpd_bench.files.folders import IMAGES, files_below
from fpd_bench.files.images import read_rgb


class Images(Protocol):
    """A known number of images of one size."""

    def __len__(self) -> int: ...

    @property
    def digest(self) -> str:
        """Hash the content, in order (sha256)."""
        ...

    def batches(self, size: int) -> Iterator[NDArray[np.uint8]]:
        """Yield uint8 [b, H, W, 3], b <= size. Raises ConfigError for several sizes, AssetError if unreadable."""
        ...


def open_images(path: Path) -> Images:
    """Open the images below a folder, or in one .npz, or in a folder of .npz files.

    Links are followed, hidden names left out. Raises ConfigError if there are none, and AssetError for files that may
    hold images and are not read.
    """
    if path.is_file() and path.suffix.lower() == ".npz":
        return Batches([path])
    if not path.is_dir():
        raise ConfigError(f"'{path}' is neither a folder of images nor an .npz file.")
    found = files_below(path, (*IMAGES, ".npz"))
    packed = [file for file in found if file.suffix.lower() == ".npz"]
    if not found:
        raise ConfigError(f"'{path}' holds no images ({', '.join(IMAGES)}) and no .npz files.")
    if packed and len(packed) < len(found):
        raise ConfigError(f"'{path}' holds both images and .npz files. Name a folder with one kind, or one .npz file.")
    deeper = next((file for file in packed if file.parent != path), None)
    if deeper:
        raise ConfigError(
            f"'{path}' holds .npz files in subfolders, such as '{deeper}'. Name the subfolder or the file."
        )
    return Batches(packed) if packed else Folder(found)


def colours_first(images: NDArray[np.uint8]) -> bytes:
    """Bring images [n, H, W, 3] into the order that digests are taken of: stored numbers name such digests."""
    return images.transpose(0, 3, 1, 2).tobytes()


class InMemory:
    """Images that are there already: uint8 [n, H, W, 3]."""

    def __init__(self, images: NDArray[np.uint8]):
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(colours_first(self._images)).hexdigest()

    def batches(self, size: int) -> Iterator[NDArray[np.uint8]]:
        yield from (self._images[first : first + size] for first in range(0, len(self), size))


class Folder:
    """Image files, in the order given."""

    def __init__(self, files: Sequence[Path]):
        self.files = list(files)

    def __len__(self) -> int:
        return len(self.files)

    @cached_property
    def digest(self) -> str:
        combined = hashlib.sha256()
        for path in self.files:
            try:
                combined.update(hashlib.sha256(path.read_bytes()).digest())
            except OSError as error:
                raise AssetError(f"Cannot read the image '{path}': {error.strerror or error}.") from error
        return combined.hexdigest()

    def batches(self, size: int) -> Iterator[NDArray[np.uint8]]:
        expected: tuple[int, ...] | None = None
        for first in range(0, len(self.files), size):
            pixels = []
            for path in self.files[first : first + size]:
                image = read_rgb(path, turn="refuse")
                expected = expected or image.shape
                if image.shape != expected:
                    raise ConfigError(
                        f"'{path}' has {image.shape[1]} x {image.shape[0]} px, the images before it {expected[1]} x "
                        f"{expected[0]}. Nothing is resized here: bring all images to one size first."
                    )
                pixels.append(image)
            yield np.stack(pixels)
