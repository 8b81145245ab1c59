"""Whether the numbers in a file of weights are what was written, and finite: every byte is read, nothing is kept.

Archives of torch.save carry a CRC for each part; safetensors do not (`check` holds them against the hub's hash).
"""

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from fpd_bench.assets.outline import outline
from fpd_bench.assets.weight_files import is_outline, some, table
from fpd_bench.assets.weight_shards import shard_files
from fpd_bench.assets.wrappings import bare, unwrapped
from fpd_bench.errors import AssetError

CHUNK = 1 << 24  # bytes
EXPONENTS = {  # a number whose exponent is all ones is NaN or infinite
    "F64": ("<u8", 0x7FF0000000000000), "F32": ("<u4", 0x7F800000), "F16": ("<u2", 0x7C00), "BF16": ("<u2", 0x7F80),
}  # fmt: skip
BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
INFINITE = "mask"  # names that end so may be infinite: attention masks are


def check_values(path: Path, ignored: tuple[str, ...] = ()) -> None:
    """Raise AssetError for damage, NaN and infinite numbers in tensors whose names do not begin as `ignored`."""
    for part in shard_files(path):
        try:
            numbers = _safetensors(part) if part.suffix == ".safetensors" else _saved(part)
            spoilt = [
                name for name, wrong in numbers if wrong and not (name.endswith(INFINITE) or name.startswith(ignored))
            ]
        except (zipfile.BadZipFile, struct.error, EOFError, ValueError, OSError) as error:
            raise AssetError(f"Weights '{part}' are damaged ({error}). Fetch them again.") from error
        if spoilt:
            raise AssetError(
                f"Weights '{part}' hold NaN or infinite numbers, in {len(spoilt)} tensors {some(spoilt)}. "
                "Fetch them again."
            )


def check_archive(path: Path) -> None:
    """Raise AssetError unless all parts of an archive of torch.save have their CRCs; other files pass."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError) as error:
        raise AssetError(f"Weights '{path}' are damaged ({error}). Fetch them again.") from error
    if damaged:
        raise AssetError(f"Weights '{path}' are damaged (bad CRC-32 of {damaged}). Fetch them again.")


def _safetensors(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield (name, whether it holds numbers that are not finite)."""
    with path.open("rb") as stream:
        entries, start = table(stream, path.stat().st_size)
        for name, entry in bare(entries).items():
            begin, end = entry["data_offsets"]
            stream.seek(start + begin)
            yield name, _reads_infinite(stream, entry["dtype"], end - begin)


def _saved(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield the same of what torch.save wrote, optimizers and all: damage anywhere tells of more."""
    saved = outline(path)
    names: dict[str, list[str]] = {}
    for name, found in unwrapped(saved.content, is_outline).items():
        names.setdefault(found.storage.key, []).append(name)
    stored = _archived(path) if zipfile.is_zipfile(path) else _legacy(path, saved.data, saved.keys, saved.dtypes)
    for key, stream, size in stored:
        wrong = _reads_infinite(stream, saved.dtypes.get(key, ""), size)
        yield from ((name, wrong) for name in names.get(key, ()))


def _archived(path: Path) -> Iterator[tuple[str, IO[bytes], int]]:
    """Yield (key, its numbers, bytes) of all parts; to read one to its end tests its CRC."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as stream:
                yield entry.filename.rpartition("/data/")[2], stream, entry.file_size


def _legacy(
    path: Path, start: int, keys: tuple[str, ...], dtypes: dict[str, str]
) -> Iterator[tuple[str, IO[bytes], int]]:
    with path.open("rb") as stream:
        stream.seek(start)
        for key in keys:
            (count,) = struct.unpack("<q", stream.read(8))
            if dtypes.get(key, "") not in BYTES:  # where it ends is not known
                return
            yield key, stream, count * BYTES[dtypes[key]]


def _reads_infinite(stream: IO[bytes], dtype: str, size: int) -> bool:
    """Read `size` bytes; say whether there is NaN or an infinite number among them."""
    kind, exponent = EXPONENTS.get(dtype, ("", 0))
    spoilt = False
    while size > 0:
        chunk = stream.read(min(CHUNK, size))
        if not chunk:
            raise EOFError("it ends too early")
        size -= len(chunk)
        if kind and not spoilt:
            bits = np.frombuffer(chunk, kind)
            spoilt = bool(((bits & exponent) == exponent).any())
    return spoilt
