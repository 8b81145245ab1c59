"""What a file of weights holds, from its first bytes and its table of contents: no torch, nothing loaded, nothing run.

Every refusal is an AssetError that names the file, what is wrong with it and what to do. `models/checkpoints.py` makes
sure of the rest when it loads the tensors.
"""

import json
import pickletools
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import IO

from fpd_bench.assets.kinds import KINDS, identify, without_prefix
from fpd_bench.errors import AssetError

SMALL = 4096  # bytes; no weights are that small if they are text
HARMLESS = {"torch", "collections", "_codecs", "builtins", "__builtin__", "numpy"}  # torch's loader judges the rest
LEGACY_MAGIC = "119547037146038801333356"  # how torch.save began before version 1.6
BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2}


@dataclass(frozen=True)
class Contents:
    """names: of the tensors (of a pickle: all its words). imports: what a pickle asks for. shapes: safetensors only."""

    names: frozenset[str]
    imports: tuple[str, ...] = ()
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """How many numbers; 0 where the contents do not tell."""
        return sum(prod(shape) for shape in self.shapes.values())


def contents(path: Path) -> Contents:
    """Raises AssetError if the file is missing, incomplete or not a weights file."""
    if not path.is_file():
        raise AssetError(f"Weights '{path}': {'is a folder, not a weights file' if path.is_dir() else 'no such file'}.")
    stat = path.stat()
    return _contents(path, stat.st_size, stat.st_mtime_ns)


def refuse_foreign(path: Path, kind: str) -> None:
    """Raises AssetError if the file is damaged, a pickle that wants to run code, or known to hold another model."""
    found = contents(path)
    if found.imports:
        raise AssetError(pickle_refused(path, found.imports[0]))
    if not kind:
        return
    other = identify({without_prefix(name) for name in found.names})
    if other != kind and (other or found.shapes):
        what = f"a {KINDS[other].title}" if other else f"an unknown model (keys {some(found.names)})"
        raise AssetError(f"Weights '{path}' hold {what}, not a {KINDS[kind].title}. {KINDS[kind].how_to_get(path)}")


def refuse_text(path: Path) -> None:
    """Raises AssetError if the file is what a failed download leaves: a pointer, a web page, the hub's refusal."""
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


def pickle_refused(path: Path, wants: str) -> str:
    """An old pickle: what it wants to import, and how to convert it once where that is acceptable."""
    target = path.with_suffix(".safetensors")
    return (
        f"Weights '{path}' are a pickle that would run code ({wants}); fpd-bench does not load those. "
        f"If you trust its source, convert it once and use '{target}': "
        f'python -c "import torch; from safetensors.torch import save_file; '
        f"d = torch.load('{path}', map_location='cpu', weights_only=False); "
        f"d = d.state_dict() if hasattr(d, 'state_dict') else d; "
        f"d = d.get('model_state_dict', d.get('state_dict', d)); "
        f"save_file({{k: v.clone() for k, v in d.items() if torch.is_tensor(v)}}, '{target}')\""
    )


def some(names: frozenset[str] | set[str] | dict, shown: int = 3) -> str:
    """The first few names, in brackets."""
    ordered = sorted(names)
    return f"({', '.join(ordered[:shown])}{', ...' if len(ordered) > shown else ''})" if ordered else ""


@lru_cache(maxsize=64)
def _contents(path: Path, size: int, modified: int) -> Contents:
    """size, modified: so that a replaced file is read again."""
    refuse_text(path)
    try:
        return _safetensors(path, size) if path.suffix == ".safetensors" else _pickle(path)
    except (ValueError, KeyError, struct.error, zipfile.BadZipFile, EOFError, UnicodeDecodeError) as error:
        raise AssetError(f"Weights '{path}' are incomplete or corrupt ({error}). Fetch them again.") from error


def _safetensors(path: Path, size: int) -> Contents:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > size:
            raise ValueError(f"a table of contents of {length:,} bytes in a file of {size:,}")
        table = json.loads(file.read(length))
    table.pop("__metadata__", None)
    end = 8 + length + max((entry["data_offsets"][1] for entry in table.values()), default=0)
    if end > size:
        raise ValueError(f"{size:,} of {end:,} bytes")
    shapes = {name: tuple(entry["shape"]) for name, entry in table.items()}
    return Contents(frozenset(shapes), shapes=shapes)


def _pickle(path: Path) -> Contents:
    words: list[str] = []
    imports: list[str] = []
    for stream in _streams(path):
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name == "GLOBAL":
                imports.append(str(argument).replace(" ", "."))
            elif opcode.name == "STACK_GLOBAL" and len(words) > 1:
                imports.append(".".join(words[-2:]))
            elif isinstance(argument, str):
                words.append(argument)
    foreign = [name for name in dict.fromkeys(imports) if name.partition(".")[0] not in HARMLESS]
    return Contents(frozenset(words), tuple(foreign))


def _streams(path: Path) -> Iterator[IO[bytes] | bytes]:
    """The pickles of a file that torch.save wrote."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            first = [argument for _, argument, _ in pickletools.genops(file)]
            if LEGACY_MAGIC not in map(str, first):
                raise ValueError("not written by torch.save")
            yield from (file for _ in range(3))  # protocol, machine, the content itself
        return
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if any("/code/" in name for name in names):
            raise AssetError(pickle_refused(path, "TorchScript code"))
        yield archive.read(next(name for name in names if name.endswith("data.pkl")))


def _is_text(start: bytes) -> bool:
    try:
        return all(letter.isprintable() or letter.isspace() for letter in start.decode())
    except UnicodeDecodeError:
        return False
