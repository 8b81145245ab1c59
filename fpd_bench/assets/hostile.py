"""Pickles that want to run code, told by what they import; nothing in them runs. Needs no torch."""

import pickletools
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

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


def hostile_code(path: Path) -> str:
    """Name the first such thing that a pickle imports, for example posix.system; '' for none, or for no pickle."""
    words: list[str] = []
    with suppress(Exception):  # as far as it is a pickle
        for name in (found for stream in _streams(path) for found in _imports(stream, words)):
            module, _, what = name.partition(".")
            if module in HOSTILE or (module in BUILTINS and what not in TYPES):
                return name
    return ""


def first_words(error: Exception) -> str:
    """Quote the first line of what a loader says, without torch's advice to run what the file asks for."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    asked = re.search(r"GLOBAL (\S+)", str(error))
    if asked:
        return f"opening it would run code ({asked[1]}), which no weights need"
    tells_nothing = isinstance(error, KeyError | IndexError | AttributeError | TypeError)
    advises = "weights_only" in said or "Weights only" in said
    return "it was not written by torch.save, or is damaged" if advises or tells_nothing else said[:120]


def _imports(stream: IO[bytes] | bytes, words: list[str]) -> Iterator[str]:
    """Name what a pickle imports, module.name, in order; its other words go to `words`."""
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ".")
        elif opcode.name == "STACK_GLOBAL" and len(words) > 1:
            yield ".".join(words[-2:])
        elif isinstance(argument, str):
            words.append(argument)


def _streams(path: Path) -> Iterator[IO[bytes] | bytes]:
    """Open the pickles in a file, whoever wrote it."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist() if name.endswith(".pkl"))
        return
    with path.open("rb") as file:
        yield from (file for _ in range(5))
