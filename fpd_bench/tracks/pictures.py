"""Real images from the user's data folder, for the discriminator and for FID's statistics: loose files or shards."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from fpd_bench.assets.required_files import images_missing
from fpd_bench.errors import AssetError
from fpd_bench.files.folders import IMAGES, files_below
from fpd_bench.files.images import read_rgb, rgb_of
from fpd_bench.tracks.webdataset import Shards

READERS = 8  # threads; decoding leaves Python's lock


class RealImages:
    """Images below `<data>/images`, loose or in WebDataset shards; without that folder, in the shards `<data>/*.tar`.

    Shorter side resized to `side` px (bicubic), centre cropped. Draws are with replacement and depend on the
    generator alone. Raises AssetError when there is nothing to draw from; `open_images` says so at once.
    """

    def __init__(self, data: Path, side: int):
        self.folder, self.side = data / "images", side
        here = files_below(self.folder, (*IMAGES, ".tar")) if self.folder.is_dir() else sorted(data.glob("*.tar"))
        shards = [path for path in here if path.suffix.lower() == ".tar"]
        self.files = [path for path in here if path.suffix.lower() != ".tar"]
        if shards and self.files:
            raise AssetError(f"'{self.folder}' holds both images and shards, such as '{shards[0]}'. Keep one kind.")
        self.shards = Shards(shards, IMAGES, "images") if shards else None

    def __bool__(self) -> bool:
        return bool(self.files or self.shards)

    @property
    def digest(self) -> str:
        """Return the sha256 over the names and sizes of all files."""
        paths = self.shards.paths if self.shards else self.files
        names = "".join(f"{os.path.relpath(path, self.folder.parent)} {path.stat().st_size}\n" for path in paths)
        return hashlib.sha256(names.encode()).hexdigest()

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw images [n, 3, side, side] in [0, 1]. Raises AssetError without images, and for one that cannot be
        read.
        """
        self.require()
        if self.shards:
            contents = self.shards.draw(n, generator)
            return torch.stack(list(self._readers.map(self._unpack, contents)))
        chosen = [self.files[i] for i in torch.randint(len(self.files), (n,), generator=generator).tolist()]
        return torch.stack(list(self._readers.map(self._read, chosen)))

    def __iter__(self) -> Iterator[Tensor]:
        """Give every image once, [3, side, side] in [0, 1], in a fixed order."""
        self.require()
        if self.shards:
            yield from (self._unpack(content) for content in self.shards)
        else:
            yield from (self._read(path) for path in self.files)

    def describe(self) -> str:
        """Say how many images there are, and from where."""
        if self.shards:
            return f"{len(self.shards.paths)} shard(s) such as {self.shards.paths[0]}"
        return f"{len(self.files):,} images below {self.folder}"

    def require(self) -> None:
        """Check that there are images. Raises AssetError, with what to do."""
        if not self:
            raise AssetError(images_missing(self.folder.parent))

    @cached_property
    def _readers(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(min(READERS, os.cpu_count() or 1), thread_name_prefix="images")

    def _read(self, path: Path) -> Tensor:
        return crop_square(Image.fromarray(read_rgb(path, turn="ignore")), self.side)

    def _unpack(self, content: bytes) -> Tensor:
        return crop_square(Image.fromarray(rgb_of(content, f"{self.folder}, in a shard", turn="ignore")), self.side)


def open_images(data: Path, side: int) -> RealImages:
    """Open the images. Raises AssetError without any."""
    images = RealImages(data, side)
    images.require()
    return images


def crop_square(image: Image.Image, side: int) -> Tensor:
    """Resize the shorter side to `side` px (bicubic, antialiased) and crop the centre: [3, side, side] in [0, 1]."""
    width, height = image.size
    scale = side / min(width, height)
    size = (max(side, round(width * scale)), max(side, round(height * scale)))
    image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = ((length - side) // 2 for length in size)
    pixels = np.asarray(image.crop((left, top, left + side, top + side)), dtype=np.float32)
    return torch.from_numpy(pixels).permute(2, 0, 1) / 255
