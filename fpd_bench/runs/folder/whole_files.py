"""Writing files so that they are there whole or not at all, and logs line by line.

A whole file is written under a temporary name, flushed and renamed. A log grows by one `write` per line, so a kill can
only tear the last line. Needs no torch.
"""

import errno
import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Row = dict[str, Any]


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, which is flushed to disk and renamed to it if the block succeeds, else
    removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield temporary
        _sync(temporary)
        if path.is_dir() and not path.is_symlink():  # in the file's place; not ours to delete
            path.rename(path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.odd"))
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_with(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write(temporary)` for a file that appears as `path` whole or not at all."""
    with whole_file(path) as temporary:
        write(temporary)


def write_text(path: Path, text: str) -> None:
    write_with(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: Path, value: Row) -> None:
    write_text(path, json.dumps(value, indent=1) + "\n")


def append_line(path: Path, row: Row) -> None:
    """Append one JSON object as one line in one write. A torn line before it is closed first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        line = (b"\n" if torn else b"") + json_line(row).encode()
        if os.write(descriptor, line) < len(line):  # the disk took the beginning only
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(descriptor)


def json_line(row: Row) -> str:
    """Write a row as one line of JSON; scalars and arrays of numpy and torch as Python's own."""
    return json.dumps(row, default=_to_json_type) + "\n"


def _to_json_type(value: Any) -> Any:
    """Convert scalars and arrays of numpy and torch as Python's own."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} {value!r:.60} is not JSON")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
