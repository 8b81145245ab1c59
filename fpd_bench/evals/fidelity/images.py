"""Images as streams of uint8 batches: from a folder of files, or from .npz batches that are never held as a whole."""

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, Protocol

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from fpd_bench.errors import AssetError, ConfigError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
KEYS = ("arr_0", "images")  # of ADM's sample batches, and of our own runs


class Images(Protocol):
    """A known number of images of one size."""

    def __len__(self) -> int: ...

    @property
    def digest(self) -> str:
        """sha256 of the content, in order."""
        ...

    def batches(self, size: int) -> Iterator[Tensor]:
        """uint8 [b, 3, H, W], b <= size. Raises ConfigError for images of several sizes, AssetError if unreadable."""
        ...


def open_images(path: Path) -> Images:
    """The images below a folder, or in one .npz, or in a folder of .npz files. Raises ConfigError if there are none."""
    if path.is_file() and path.suffix == ".npz":
        return Batches([path])
    if not path.is_dir():
        raise ConfigError(f"'{path}' is no folder of images and no .npz file.")
    files = sorted(found for found in path.rglob("*") if found.suffix.lower() in SUFFIXES)
    packed = sorted(path.glob("*.npz"))
    if files and packed:
        raise ConfigError(f"'{path}' holds images and .npz files. Name the one or the other.")
    if not files and not packed:
        raise ConfigError(f"'{path}' holds no images ({', '.join(SUFFIXES)}) and no .npz files.")
    return Batches(packed) if packed else Folder(files)


class InMemory:
    """Images that are there already: uint8 [n, 3, H, W]."""

    def __init__(self, images: Tensor):
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self._images.contiguous().numpy().tobytes()).hexdigest()

    def batches(self, size: int) -> Iterator[Tensor]:
        yield from self._images.split(size)


class Folder:
    """Image files, in the order given."""

    def __init__(self, files: Sequence[Path]):
        self.files = list(files)

    def __len__(self) -> int:
        return len(self.files)

    @cached_property
    def digest(self) -> str:
        whole = hashlib.sha256()
        for path in self.files:
            whole.update(hashlib.sha256(path.read_bytes()).digest())
        return whole.hexdigest()

    def batches(self, size: int) -> Iterator[Tensor]:
        expected: tuple[int, ...] | None = None
        for first in range(0, len(self.files), size):
            pixels = []
            for path in self.files[first : first + size]:
                image = _read(path)
                expected = expected or image.shape
                if image.shape != expected:
                    raise ConfigError(
                        f"'{path}' has {image.shape[1]} x {image.shape[0]} px, the images before it {expected[1]} x "
                        f"{expected[0]}. Nothing is resized here: bring all images to one size first."
                    )
                pixels.append(image)
            yield torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous()


def _read(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise AssetError(f"Cannot read the image '{path}': {error}. Make it again, or remove it.") from error


class Batches:
    """.npz files with uint8 [..., H, W, 3] under `arr_0` or `images`, read from disk a few images at a time."""

    def __init__(self, files: Sequence[Path]):
        self.files = list(files)
        self._counts = [_count(path) for path in self.files]

    def __len__(self) -> int:
        return sum(self._counts)

    @cached_property
    def digest(self) -> str:
        whole = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
        return whole.hexdigest()

    def batches(self, size: int) -> Iterator[Tensor]:
        expected: tuple[int, int] | None = None
        for path in self.files:
            count, shape, stream = _opened(path)
            expected = expected or shape
            if shape != expected:
                raise ConfigError(f"'{path}' holds images of {shape} px, the files before it of {expected}.")
            with stream:
                for first in range(0, count, size):
                    n = min(size, count - first)
                    text = stream.read(n * shape[0] * shape[1] * 3)
                    pixels = np.frombuffer(text, dtype=np.uint8).reshape(n, *shape, 3)
                    yield torch.from_numpy(pixels.copy()).permute(0, 3, 1, 2).contiguous()


def _count(path: Path) -> int:
    count, _, stream = _opened(path)
    stream.close()
    return count


def _opened(path: Path) -> tuple[int, tuple[int, int], IO[bytes]]:
    """Number of images, (H, W), and the stream of their pixels. Raises AssetError."""
    try:
        archive = zipfile.ZipFile(path)
        name = next((f"{key}.npy" for key in KEYS if f"{key}.npy" in archive.namelist()), None)
        if name is None:
            raise AssetError(f"'{path}' has {', '.join(archive.namelist())}; images are under {' or '.join(KEYS)}.")
        stream = archive.open(name)
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, kind = read(stream)
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise AssetError(f"'{path}' cannot be read as .npz: {error}. Fetch it again.") from error
    if kind != np.uint8 or fortran or len(shape) < 4 or shape[-1] != 3:
        raise AssetError(f"'{path}' holds {kind} {list(shape)}; images are uint8 [n, H, W, 3].")
    return int(np.prod(shape[:-3])), (shape[-3], shape[-2]), stream
