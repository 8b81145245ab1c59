"""Arrays in an .npz, held against their headers before they are read, and against their checksums while they are."""

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from fpd_bench.errors import AssetError, FpdError

END, LONGEST_END, MANY = b"PK\5\6", 22 + 0xFFFF, 0xFFFF  # a zip's last record; MANY: an older one has the count
READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@dataclass(frozen=True)
class Header:
    """What an array says of itself."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool  # first index fastest


def names(path: Path) -> list[str]:
    """Name all arrays of an .npz. Raises AssetError, also for a list that has lost one: zipfile does not count."""
    with _in_one_line(path), zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            archive.open(member).close()  # compares its name here and there
        listed = _count_at_end(path)
        if listed not in (MANY, len(archive.infolist())):
            raise AssetError(f"'{path}' lists {len(archive.infolist())} of its {listed} arrays. Fetch it again.")
        return [name.removesuffix(".npy") for name in archive.namelist()]


def _count_at_end(path: Path) -> int:
    """Read how many members the end of a zip file says it has."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LONGEST_END))
        end = file.read()
    count = end.rfind(END) + 10
    return int.from_bytes(end[count : count + 2], "little")


def header(path: Path, name: str) -> Header:
    """Read an array's header. Raises AssetError if there is no such array, or if its bytes are more or fewer."""
    with _opened(path, name) as (found, _):
        return found


def chunks(path: Path, name: str, size: int) -> Iterator[bytes]:
    """Yield the array's bytes, `size` at a time. Raises AssetError, at the latest with the last of them, for damage."""
    with _opened(path, name) as (found, stream):
        left = math.prod(found.shape) * found.dtype.itemsize
        while left:
            piece = stream.read(min(size, left))
            if len(piece) < min(size, left):
                raise AssetError(f"'{path}' ends in the middle of '{name}'. Fetch it again.")
            left -= len(piece)
            if not left:
                stream.read(1)  # at its end the archive compares checksums
            yield piece


def load(path: Path, name: str) -> NDArray[Any]:
    """Load the whole array; look at its header first. Raises AssetError."""
    found = header(path, name)
    if found.dtype.hasobject:
        raise AssetError(f"'{name}' in '{path}' holds Python objects, which may run code. They are not loaded.")
    content = b"".join(chunks(path, name, 1 << 24))
    flat: NDArray[Any] = np.frombuffer(content, dtype=found.dtype)
    return flat.reshape(found.shape, order="F" if found.fortran else "C")


@contextmanager
def _opened(path: Path, name: str) -> Iterator[tuple[Header, IO[bytes]]]:
    with _in_one_line(path), zipfile.ZipFile(path) as archive:
        member = archive.getinfo(f"{name}.npy")
        if archive.namelist().count(member.filename) > 1:
            raise AssetError(f"'{path}' holds two arrays named '{name}'. Save it again with only one of them.")
        with archive.open(member) as stream:
            version = np.lib.format.read_magic(stream)
            if version not in READERS:
                raise AssetError(
                    f"'{name}' in '{path}' has version {version} of numpy's file format, which is not read here."
                )
            shape, fortran, dtype = READERS[version](stream)
            found = Header(shape, dtype, fortran)
            size = math.prod(found.shape) * found.dtype.itemsize
            if min(found.shape, default=0) < 0 or stream.tell() + size != member.file_size:
                raise AssetError(
                    f"The header of '{name}' in '{path}' says {found.dtype} {list(found.shape)}, but it holds "
                    f"{member.file_size - stream.tell():,} bytes. Fetch the file again."
                )
            yield found, stream


@contextmanager
def _in_one_line(path: Path) -> Iterator[None]:
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise AssetError(f"'{path}' is not a regular file.")
        yield
    except FpdError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds over damaged bytes
        said = " ".join(str(error).split()) or type(error).__name__
        raise AssetError(f"'{path}' cannot be read as .npz: {said}. Fetch it again.") from error
