"""The outline of what torch.save wrote: names, shapes and places of its tensors, without torch and without their data.

Nothing that the pickle names is imported or run: every class is a stand-in that keeps what was stored.
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

LEGACY_MAGIC = 119547037146038801333356  # how torch.save began before version 1.6
DTYPES = {  # of torch's storage classes, in safetensors' words
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8",
    "BoolStorage": "BOOL", "UntypedStorage": "U8",
}  # fmt: skip
# What torch's own careful loader takes from a pickle; everything else is code of the file's choice.
HARMLESS: dict[str, tuple[str, ...]] = {
    "collections": ("OrderedDict", "Counter"),
    "torch": ("Size", "device", "Tensor", "strided", "float", "bfloat", "int", "uint", "bool", "complex"),
    "torch._utils": ("_rebuild_",),
    "torch._tensor": ("_rebuild_from_type_v2",),
    "torch.nn.parameter": ("Parameter", "Buffer"),
    "torch.storage": ("UntypedStorage", "TypedStorage"),
    "torch.serialization": ("_get_layout",),
    "_codecs": ("encode",),
    "builtins": ("set", "bytearray", "complex"),
    "__builtin__": ("set", "bytearray", "complex"),
}


class Kept(dict):
    """Stands for an object of any class: its attributes, and its items if it was a mapping."""

    def __init__(self, *arguments: Any, **named: Any):
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state if isinstance(state, dict) else {})

    def __hash__(self) -> int:  # type: ignore[override]
        """Hash by identity: it may have been a key; a dict has no hash, which is what the type complains of."""
        return id(self)

    def append(self, item: Any) -> None:
        """Accept an item, as a list would; what it held is not needed."""

    def add(self, item: Any) -> None:
        """Accept an item, as a set would."""


@dataclass(frozen=True)
class Storage:
    """Where numbers lie: the entry `data/<key>` of the archive. dtype: "" = one that is not known here."""

    key: str
    dtype: str


@dataclass(frozen=True)
class Outline:
    """A tensor without its data."""

    storage: Storage
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Saved:
    """content: what was saved, tensors as Outline. imports: names that torch's careful loader would refuse.

    dtypes: of all storages, by key. Of a legacy file, without an archive: data, where its numbers begin, in bytes;
    keys, of its storages in order.
    """

    content: Any
    imports: tuple[str, ...]
    dtypes: dict[str, str]
    data: int = 0
    keys: tuple[str, ...] = ()


def outline(path: Path) -> Saved:
    """Read a file's outline. Raises ValueError, with the reason, for what torch.save did not write, or not whole."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                entry = next((name for name in archive.namelist() if name.endswith("data.pkl")), None)
                if entry is None:
                    raise ValueError("an archive that torch.save did not write")
                with archive.open(entry) as stream:
                    return _read(stream)
        with path.open("rb") as stream:
            if stream.read(2) == b"PK":
                raise ValueError(f"cut off after {path.stat().st_size:,} bytes: the archive has no end")
            stream.seek(0)
            return _legacy(stream)
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError, TypeError, ImportError) as error:
        raise ValueError(f"not written by torch.save, or incomplete: {error or type(error).__name__}") from error


def _read(stream: IO[bytes]) -> Saved:
    reader = _Reader(stream)
    content = reader.load()
    return Saved(content, tuple(dict.fromkeys(reader.imports)), reader.dtypes)


def _legacy(stream: IO[bytes]) -> Saved:
    if _Reader(stream).load() != LEGACY_MAGIC:
        raise ValueError("not written by torch.save")
    for _ in ("protocol", "machine"):
        _Reader(stream).load()
    found, keys = _read(stream), _Reader(stream).load()
    return replace(found, data=stream.tell(), keys=tuple(map(str, keys)))


class _Reader(pickle.Unpickler):
    def __init__(self, stream: IO[bytes]):
        super().__init__(stream, encoding="utf-8")
        self.imports: list[str] = []
        self.dtypes: dict[str, str] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Give a stand-in for a class; never import it."""
        if module == "torch" and name.endswith("Storage"):
            return name
        if (made := _MAKES.get((module, name))) is not None:
            return made
        if not name.startswith(HARMLESS.get(module, ())):
            self.imports.append(f"{module}.{name}")
        return Kept

    def persistent_load(self, pid: Any) -> Any:
        """Read where a storage lies beside the pickle: ("storage", class, key, device, how many numbers, ...).

        Old files have ("module", class, ...) instead of a class, with its source.
        """
        if isinstance(pid, tuple) and len(pid) > 1 and pid[0] == "module":
            return pid[1]
        if not (isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage"):
            return Kept()
        storage = Storage(str(pid[2]), DTYPES.get(str(pid[1]), ""))
        self.dtypes[storage.key] = storage.dtype
        return storage


def _tensor(storage: Any, offset: int, shape: Sequence[int], *_: Any) -> Any:
    return Outline(storage, tuple(map(int, shape))) if isinstance(storage, Storage) else Kept()


_MAKES: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
    ("torch._utils", "_rebuild_parameter_with_state"): lambda tensor, *_: tensor,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _tensor,
    ("torch", "Size"): tuple,
}
