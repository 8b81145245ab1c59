"""Pickles that want to run code, told by what they import; nothing in them runs. Needs no torch."""

import pickletools
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from fpd_bench.assets.outline import HARMLESS
from fpd_bench.errors import AssetError

# Modules that weights never need, and that a file made to do harm begins with; of builtins, all but the names of types.
HOSTILE = {"os", "posix", "nt", "sys", "subprocess", "shutil", "socket", "pty", "runpy", "importlib", "ctypes", "code",
           "webbrowser", "marshal"}  # fmt: skip
BUILTINS = ("builtins", "__builtin__")
TYPES = {"set", "list", "dict", "tuple", "frozenset", "bytearray", "bytes", "complex", "int", "float", "bool", "str",
         "slice", "range", "object", "print", "long", "unicode", "xrange"}  # fmt: skip


def refuse_hostile(path: Path) -> None:
    """Raise AssetError for a file that would call what only harm needs: fetching it again would not help."""
    wants = hostile_code(path)
    if wants:
        raise AssetError(
            f"Weights '{path}' were not loaded: the file would run code ({wants}) when opened, which no "
            "weights need. Do not open it with another program; get weights from a source that you trust."
        )


def refuse_code(path: Path) -> None:
    """Raise AssetError also for a file that would call anything else than what makes tensors and plain values."""
    refuse_hostile(path)
    wants = next((name for name in _imported(path) if not _is_harmless(name)), "")
    if wants:
        raise AssetError(pickle_refused(path, wants))


def pickle_refused(path: Path, wants: str) -> str:
    """Say what an old pickle wants to import, and how to get its weights out without that."""
    return (
        f"Weights '{path}' are a pickle that would run code ({wants}), which fpd-bench does not load. Convert "
        "it once; that reads its numbers and runs none of its code: python -m fpd_bench.tracks convert "
        f"'{path}'"
    )


def hostile_code(path: Path) -> str:
    """Name the first such thing that a pickle imports, for example posix.system; '' for none, or for no pickle."""
    return next((name for name in _imported(path) if _is_hostile(name)), "")


def _is_hostile(name: str) -> bool:
    module, _, what = name.partition(".")
    return module in HOSTILE or (module in BUILTINS and what not in TYPES)


def _is_harmless(name: str) -> bool:
    module, _, what = name.rpartition(".")
    return what.startswith(HARMLESS.get(module, ())) or (module == "torch" and what.endswith("Storage"))


def _imported(path: Path) -> list[str]:
    """List what a pickle imports, as far as it is one."""
    found: list[str] = []
    with suppress(Exception):
        for stream in _streams(path):
            with suppress(ValueError):  # a part that is none, or one that ends in the middle
                for name in _imports(stream):
                    found += [name] if all(part.isidentifier() for part in name.split(".")) else []
    return found


def first_words(error: Exception) -> str:
    """Quote the first line of what a loader says, without torch's advice to run what the file asks for."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    asked = re.search(r"GLOBAL (\S+)", str(error))
    if asked:
        return f"opening it would run code ({asked[1]}), which no weights need"
    tells_nothing = isinstance(error, KeyError | IndexError | AttributeError | TypeError)
    advises = "weights_only" in said or "Weights only" in said
    return "it was not written by torch.save, or is damaged" if advises or tells_nothing else said[:120]


def _imports(stream: IO[bytes] | bytes) -> Iterator[str]:
    """Name what a pickle imports, module.name, in order. Its words are kept as it keeps them: it may refer to one."""
    words, memory, last = [""], dict[int, str](), ""
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ".")
        elif opcode.name == "STACK_GLOBAL":
            yield ".".join(words[-2:])
        elif opcode.name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
            memory[len(memory) if argument is None else argument] = last
        elif opcode.name in ("GET", "BINGET", "LONG_BINGET"):
            words.append(memory.get(argument or 0, ""))
        last = argument if isinstance(argument, str) and opcode.name not in ("GLOBAL", "INST") else ""
        words += [last] if last else []


def _streams(path: Path) -> Iterator[IO[bytes] | bytes]:
    """Open the pickles in a file, whoever wrote it."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist() if name.endswith(".pkl"))
        return
    with path.open("rb") as file:
        yield from (file for _ in range(5))
