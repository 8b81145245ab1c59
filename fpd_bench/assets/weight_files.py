"""What a file of weights holds, from its first bytes and its table of contents: no torch, nothing loaded, nothing run.

Every refusal is an AssetError that names the file, what is wrong with it and what to do.
`models/weight_loading.py` makes sure of the rest when it loads the tensors.
"""

import json
import struct
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

from fpd_bench.assets.hostile import first_words, pickle_refused, refuse_code, refuse_hostile
from fpd_bench.assets.known_models import KNOWN_MODELS, identify
from fpd_bench.assets.outline import Outline, outline
from fpd_bench.assets.weight_shards import is_index, shard_files
from fpd_bench.assets.wrappings import bare, hidden_under, unwrapped, without_tensors
from fpd_bench.errors import AssetError

SMALL = 4096  # bytes; no weights are that small if they are text


@dataclass(frozen=True)
class WeightContents:
    """shapes: {name: shape} of the tensors, without what trainers put around and before them.

    Of a pickle: imports, the code that it asks for; under, the names beside them that hold tensors, too.
    """

    shapes: dict[str, tuple[int, ...]]
    imports: tuple[str, ...] = ()
    under: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """Count all numbers of the tensors."""
        return sum(prod(shape) for shape in self.shapes.values())


def contents(path: Path) -> WeightContents:
    """Read the table of contents of a file, or of all shards of an index.

    Raises AssetError if it is missing, incomplete or not a weights file.
    """
    if not path.is_file():
        raise AssetError(f"Weights '{path}': {'is a folder, not a weights file' if path.is_dir() else 'no such file'}.")
    if is_index(path):
        shapes = {name: shape for part in shard_files(path) for name, shape in contents(part).shapes.items()}
        return WeightContents(bare(shapes))
    stat = path.stat()
    return _contents(path, stat.st_size, stat.st_mtime_ns)


def refuse_foreign(path: Path, kind: str) -> None:
    """Raise AssetError if the file is damaged, a pickle that wants to run code, without weights, or another model."""
    found = contents(path)
    if found.imports:
        raise AssetError(pickle_refused(path, found.imports[0]))
    if not found.shapes:
        raise AssetError(without_tensors(path, found.under))
    if not kind:
        return
    other = identify(found.shapes)
    if other != kind:
        what = f"a {KNOWN_MODELS[other].title}" if other else f"an unknown model (keys {some(found.shapes)})"
        raise AssetError(
            f"Weights '{path}' hold {what}, not a {KNOWN_MODELS[kind].title}. {KNOWN_MODELS[kind].how_to_get(path)}"
        )


def refuse_text(path: Path) -> None:
    """Raise AssetError if the file is what a failed download leaves: a pointer, a web page, the hub's refusal."""
    with path.open("rb") as file:
        start = file.read(SMALL)
    if start.startswith(b"version https://git-lfs"):
        raise AssetError(f"Weights '{path}' are a Git LFS pointer, not the file. Run: git lfs pull")
    if start.lstrip()[:1] == b"<":
        raise AssetError(f"Weights '{path}' are a web page, not the file: the download was redirected or refused.")
    if len(start) < SMALL and start and _is_text(start):
        words = " ".join(start.decode().split())[:160]
        raise AssetError(
            f"Weights '{path}' are a message, not the file: \"{words}\". If the repository is gated, accept its "
            "licence on its page on huggingface.co, run: hf auth login, and fetch the file again."
        )


def refuse_script(path: Path) -> None:
    """Raise AssetError for TorchScript, whose archives hold code beside the weights."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            scripted = any("/code/" in name for name in archive.namelist())
        if scripted:
            raise AssetError(
                f"Weights '{path}' are a TorchScript program, which would run code; fpd-bench does not load "
                "those. Save the state_dict of its module instead."
            )


def some(names: Iterable[str], most: int = 3) -> str:
    """List the first few names, in brackets."""
    ordered = sorted(names)
    return f"({', '.join(ordered[:most])}{', ...' if len(ordered) > most else ''})" if ordered else ""


@lru_cache(maxsize=64)
def _contents(path: Path, size: int, modified: int) -> WeightContents:
    """Read the contents once for each `size` and `modified`: a replaced file is read again."""
    refuse_text(path)
    if path.suffix != ".safetensors":
        refuse_hostile(path)
    try:
        return _safetensors(path, size) if path.suffix == ".safetensors" else _saved(path)
    except AssetError:
        raise
    except Exception as error:  # zip, pickle and struct raise a dozen kinds over damaged bytes
        if path.suffix != ".safetensors":
            refuse_code(path)
        raise AssetError(
            f"Weights '{path}' are incomplete or corrupt ({first_words(error)}). Fetch them again."
        ) from error


def _safetensors(path: Path, size: int) -> WeightContents:
    with path.open("rb") as stream:
        entries, _ = table(stream, size)
    return WeightContents(bare({name: tuple(entry["shape"]) for name, entry in entries.items()}))


def table(stream: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    """Read the table of contents of a .safetensors file of `size` bytes; gives also where its numbers begin.

    Raises ValueError if that is beyond its end.
    """
    (length,) = struct.unpack("<Q", stream.read(8))
    if length > size:
        raise ValueError(f"a table of contents of {length:,} bytes in a file of {size:,}")
    entries: dict[str, Any] = json.loads(stream.read(length))
    entries.pop("__metadata__", None)
    end = 8 + length + max((entry["data_offsets"][1] for entry in entries.values()), default=0)
    if end > size:
        raise ValueError(f"{size:,} of {end:,} bytes")
    return entries, 8 + length


def _saved(path: Path) -> WeightContents:
    refuse_script(path)
    saved = outline(path)
    shapes = {name: found.shape for name, found in unwrapped(saved.content, is_outline).items()}
    return WeightContents(shapes, saved.imports, tuple(hidden_under(saved.content, is_outline)))


def is_outline(value: object) -> bool:
    return isinstance(value, Outline)


def _is_text(start: bytes) -> bool:
    try:
        return all(letter.isprintable() or letter.isspace() for letter in start.decode())
    except UnicodeDecodeError:
        return False
