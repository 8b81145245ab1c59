"""Real images from the user's data folder, for the discriminator and for FID's statistics: loose files or shards."""

import hashlib
import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from fpd_bench.assets.published import IMAGE_SUFFIXES, no_images
from fpd_bench.errors import AssetError
from fpd_bench.tracks.shards import Shards

READERS = 8  # threads; decoding leaves Python's lock


class RealImages:
    """Images below `<data>/images`, loose or in WebDataset shards; without that folder, in the shards `<data>/*.tar`.

    Shorter side resized to `side` px (bicubic), centre cropped. Draws are with replacement and depend on the
    generator alone. Raises AssetError when there is nothing to draw from; `open_images` says so at once.
    """

    def __init__(self, data: Path, side: int):
        self.folder, self.side = data / "images", side
        here = sorted(_below(self.folder)) if self.folder.is_dir() else sorted(data.glob("*.tar"))
        self.files = [path for path in here if path.suffix.lower() in IMAGE_SUFFIXES]
        shards = [path for path in here if path.suffix.lower() == ".tar"]
        self.shards = Shards(shards, IMAGE_SUFFIXES, "images") if shards and not self.files else None

    def __bool__(self) -> bool:
        return bool(self.files or self.shards)

    @property
    def digest(self) -> str:
        """sha256 over the names and sizes of all files."""
        paths = self.shards.paths if self.shards else self.files
        names = "".join(f"{os.path.relpath(path, self.folder.parent)} {path.stat().st_size}\n" for path in paths)
        return hashlib.sha256(names.encode()).hexdigest()

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """[n, 3, side, side] in [0, 1]. Raises AssetError without images, and for one that cannot be read."""
        self.require()
        if self.shards:
            contents = self.shards.draw(n, generator)
            return torch.stack(list(self._readers.map(lambda raw: self._read(io.BytesIO(raw), self.folder), contents)))
        chosen = [self.files[i] for i in torch.randint(len(self.files), (n,), generator=generator).tolist()]
        return torch.stack(list(self._readers.map(lambda path: self._read(path, path), chosen)))

    def __iter__(self) -> Iterator[Tensor]:
        """Every image once, [3, side, side] in [0, 1], in a fixed order."""
        self.require()
        if self.shards:
            yield from (self._read(io.BytesIO(raw), self.folder) for raw in self.shards)
        else:
            yield from (self._read(path, path) for path in self.files)

    def describe(self) -> str:
        """How many, from where."""
        if self.shards:
            return f"{len(self.shards.paths)} shard(s) such as {self.shards.paths[0]}"
        return f"{len(self.files):,} images below {self.folder}"

    def require(self) -> None:
        """Raises AssetError, with what to do, without images."""
        if not self:
            raise AssetError(no_images(self.folder.parent))

    @cached_property
    def _readers(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(min(READERS, os.cpu_count() or 1), thread_name_prefix="images")

    def _read(self, source: Path | io.BytesIO, where: Path) -> Tensor:
        try:
            with Image.open(source) as file:
                image = file.convert("RGB")
        except (OSError, UnidentifiedImageError) as error:
            raise AssetError(f"Image '{where}' cannot be read: {error}. Remove it or fetch it again.") from error
        return square(image, self.side)


def open_images(data: Path, side: int) -> RealImages:
    """Raises AssetError without images."""
    images = RealImages(data, side)
    images.require()
    return images


def square(image: Image.Image, side: int) -> Tensor:
    """Shorter side to `side` px (bicubic, antialiased), centre crop: [3, side, side] in [0, 1]."""
    width, height = image.size
    scale = side / min(width, height)
    size = (max(side, round(width * scale)), max(side, round(height * scale)))
    image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = ((length - side) // 2 for length in size)
    pixels = np.asarray(image.crop((left, top, left + side, top + side)), dtype=np.float32)
    return torch.from_numpy(pixels).permute(2, 0, 1) / 255


def _below(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder, followlinks=True):
        yield from (Path(place, name) for name in names)
