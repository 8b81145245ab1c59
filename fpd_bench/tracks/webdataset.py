"""WebDataset shards (plain tar files) by random access: any draw is a function of its generator alone.

webdataset's own loaders stream through worker processes whose position no checkpoint can hold. Here a draw picks a
shard by its size in bytes, then one of its members uniformly; the position is the generator's state, which every
checkpoint has, and a shard's table of contents is read when it is first drawn. Where shards hold samples of unequal
mean size the draw is not quite uniform over samples.
"""

import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from fpd_bench.errors import AssetError
from fpd_bench.files.folders import IMAGES, OTHER_IMAGES


class NoMembers(AssetError):
    """A sound shard without a member of the kind that is looked for."""


class Shards:
    """The members of tar files whose names end in one of `suffixes`. what: their name in messages."""

    def __init__(self, paths: Sequence[Path], suffixes: tuple[str, ...], what: str):
        self.paths, self.suffixes, self.what = list(paths), suffixes, what
        sizes = np.array([path.stat().st_size for path in self.paths], dtype=np.float64)
        self._share = np.cumsum(sizes) / max(sizes.sum(), 1)  # empty files are told when they are drawn from
        self._tables: dict[int, np.ndarray] = {}

    def draw(self, n: int, generator: torch.Generator) -> list[bytes]:
        """Draw the contents of n members, with replacement. Raises AssetError for a shard that is damaged or has
        none.
        """
        where = torch.rand(n, 2, generator=generator, dtype=torch.float64).numpy()
        shards = np.searchsorted(self._share, where[:, 0], side="right").clip(max=len(self.paths) - 1)
        return [self._member(int(shard), share) for shard, share in zip(shards, where[:, 1], strict=True)]

    def __iter__(self) -> Iterator[bytes]:
        """Read all members, shard by shard."""
        for shard in range(len(self.paths)):
            for offset, size in self.table(shard):
                yield self._read(shard, offset, size)

    def _member(self, shard: int, share: float) -> bytes:
        table = self.table(shard)
        offset, size = table[int(share * len(table))]
        return self._read(shard, offset, size)

    def _read(self, shard: int, offset: int, size: int) -> bytes:
        with self.paths[shard].open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def table(self, shard: int) -> np.ndarray:
        """Read (offset, size) of each member [n, 2]. Raises AssetError for a damaged shard, NoMembers for one
        without.
        """
        if shard not in self._tables:
            path = self.paths[shard]
            members = [m for m in _members(path) if m.isfile()]
            wanted = [m for m in members if m.name.lower().endswith(self.suffixes)]
            if not wanted:
                raise NoMembers(f"Shard '{path}' holds no {self.what} (members {', '.join(self.suffixes)}).")
            odd = [m.name for m in members if m.name.lower().endswith(tuple(OTHER_IMAGES))]
            if odd and set(IMAGES) <= set(self.suffixes):
                raise AssetError(f"Shard '{path}' holds '{odd[0]}', which is not read. Convert it to JPEG or PNG.")
            self._tables[shard] = np.array([(m.offset_data, m.size) for m in wanted], dtype=np.int64)
        return self._tables[shard]


def _members(path: Path) -> list[tarfile.TarInfo]:
    """List all members. Raises AssetError where tarfile would take a damaged header for the end of the file."""
    try:
        if not path.is_file():  # opening a pipe would wait for ever
            raise AssetError(f"Shard '{path}' is not a regular file.")
        with tarfile.open(path, "r:") as archive:
            members = list(archive)
            end = archive.offset
        _require_end(path, end)
        return members
    except AssetError:
        raise
    except Exception as error:  # tarfile raises ValueError and others for damaged headers, too
        said = " ".join(str(error).split()) or type(error).__name__
        raise AssetError(f"Shard '{path}' cannot be read: {said}. Fetch it again.") from error


def _require_end(path: Path, end: int) -> None:
    """Check that zeros follow from byte `end` on, as many as a tar has behind its last member. Raises AssetError."""
    with path.open("rb") as file:
        file.seek(end)
        rest = file.read(2 * tarfile.RECORDSIZE)
    if len(rest) < tarfile.BLOCKSIZE or any(rest):
        raise AssetError(
            f"Shard '{path}' cannot be read: it is damaged, cut off, or holds another archive from byte {end:,} on. "
            "Fetch it again."
        )
    if len(rest) > tarfile.RECORDSIZE:
        raise AssetError(
            f"Shard '{path}' holds only zeros from byte {end:,} on: it may be half copied. Fetch it again."
        )
