"""Reading files that may be anything: a directory, a fifo, garbage, JSON nested a hundred thousand deep.

Run directories are copied, mounted and edited by hand. Whoever reads one gets its content or an OddFile that says what
is wrong with it; nobody waits for a fifo, and no parser is given what would end the process.
"""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fpd_bench.errors import OddFile

DEEPEST = 64  # levels of nesting; what we write has about six
MOST_TEXT = 2**20  # bytes of a configuration; ours have 4,000
KINDS = ((stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a fifo"), (stat.S_ISSOCK, "a socket"))
NAMES = {str: "text", int: "a whole number", float: "a number", dict: "a mapping", list: "a list"}


def read_bytes(path: Path, most: int = 2**31) -> bytes:
    """Read the file's bytes. Raises FileNotFoundError if it is not there, OddFile if it is no file or beyond `most`.

    Opened without waiting: a fifo would block for ever, a device may give bytes without end.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except NotADirectoryError:
        raise OddFile(f"{path.parent.name} is not a directory") from None
    except OSError as error:  # a socket, a loop of links, no permission
        raise OddFile(f"{path.name} cannot be read: {error.strerror}") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OddFile(f"{path.name} is {_kind_of_file(found.st_mode)}, not a file")
        if found.st_size > most:
            raise OddFile(f"{path.name} has {found.st_size:,} bytes")
        return b"".join(iter(lambda: os.read(descriptor, 2**24), b""))
    except OSError as error:
        raise OddFile(f"{path.name} cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)


def read_text(path: Path) -> str | None:
    """Read the text of a small file such as a configuration; None if it is not there. Raises OddFile."""
    try:
        return read_bytes(path, MOST_TEXT).decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise OddFile(f"{path.name} is not text") from None


def parse_json(data: bytes, name: str) -> Any:
    """Parse bytes of JSON. Raises ValueError if it is none, OddFile if it is nested deeper than ours ever is."""
    try:
        value = json.loads(data)
    except RecursionError:
        raise OddFile(f"{name} is nested too deep") from None
    if data.count(b"[") + data.count(b"{") > DEEPEST and _depth(value) > DEEPEST:
        raise OddFile(f"{name} is nested too deep")
    return value


def parse_yaml(source: str, name: str) -> dict[str, Any]:
    """Parse the mapping in a YAML text without anchors. Raises OddFile if it is none.

    libyaml builds nested values by recursion in C, which ends the process, so depth is looked at before.
    """
    import yaml  # here: a completion and --help read no YAML, and it takes as long to load as all else of this room

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is ten times as fast; not every build has it
    try:
        if not _is_shallow(source):
            _refuse_deep(source, loader, name)
        value = yaml.load(source, Loader=loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: 2026-99-99 is no date, 10**5000 no int
        raise OddFile(f"{name} is not YAML: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(value, dict):
        raise OddFile(f"{name} is no mapping")
    return value


def _is_shallow(source: str) -> bool:
    """Say whether a look at the letters is enough, as it is for all that we write: no anchors, few marks of nesting."""
    marks = sum(source.count(mark) for mark in ("[", "{", "- ", "? ", "\t"))
    return marks <= DEEPEST and "&" not in source and "\n" + DEEPEST * " " not in source


def _refuse_deep(source: str, loader: Any, name: str) -> None:
    import yaml

    depth = 0
    for event in yaml.parse(source, Loader=loader):  # one after the other: this needs no recursion
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise OddFile(f"{name} is nested too deep")
        if getattr(event, "anchor", None):
            raise OddFile(f"{name} has anchors, which no configuration of ours has")


def require_types(row: Mapping[str, Any], types: Mapping[str, type | tuple[type, ...]], name: str) -> None:
    """Raise OddFile if a field of `row` has another type than `types` says; null and missing ones are as good."""
    for field, kind in types.items():
        found = row.get(field)
        if found is None:
            continue
        if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
            first = kind if isinstance(kind, type) else kind[-1]
            raise OddFile(f"{name}: {field} is {repr(found)[:40]}, not {NAMES.get(first, first.__name__)}")
        if isinstance(found, int) and not -(2**63) <= found < 2**63:
            raise OddFile(f"{name}: {field} is {_shortened(found)}, more than 64 bits")


def require_all(row: Mapping[str, Any], types: Mapping[str, type | tuple[type, ...]], name: str) -> None:
    """Do the same where every field must be there, and none null."""
    missing = next((field for field in types if row.get(field) is None), None)
    if missing is not None:
        raise OddFile(f"{name} lacks {missing}")
    require_types(row, types, name)


def _shortened(number: int) -> str:
    text = str(number)
    return text if len(text) <= 40 else f"{text[:20]}... ({len(text)} digits)"


def _depth(value: Any) -> int:
    """Count the levels of nesting, without recursion."""
    deepest, level = 0, [value]
    while level and deepest <= DEEPEST:
        children = [
            part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list)
        ]
        level = [child for part in children for child in part]
        deepest += bool(children)
    return deepest


def _kind_of_file(mode: int) -> str:
    return next((name for is_kind, name in KINDS if is_kind(mode)), "a device")
