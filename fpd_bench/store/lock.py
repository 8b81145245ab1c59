"""One writer of an SQLite index at a time, and whether anybody else has touched the file since."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fpd_bench.errors import StoreError

SECONDS = 120


class Writer:
    """Holds `<index>.lock`, in which the index's size and mtime after our last write are noted."""

    def __init__(self, target: Path):
        self.target = target

    @property
    def _note(self) -> Path:
        return _lock_file(self.target)

    def untouched(self) -> bool:
        """Whether the index is as the last writer left it: then it need not be examined, which reads all of it."""
        return self._note.read_text() == _mark(self.target) != ""

    def leave(self) -> None:
        """Note how the index is left."""
        self._note.write_text(_mark(self.target))


def _lock_file(target: Path) -> Path:
    return target.with_name(f"{target.name}.lock")


def _mark(target: Path) -> str:
    try:
        found = target.stat()
    except FileNotFoundError:
        return ""
    return f"{found.st_size} {found.st_mtime_ns}"


@contextmanager
def one_writer(target: Path | None) -> Iterator[Writer | None]:
    """Hold the lock of an SQLite file while writing; None: a server, which has locks of its own.

    Raises StoreError if another writer keeps it for SECONDS. Without locks in the file system, SQLite's must do.
    """
    if target is None:
        yield None
        return
    with _lock_file(target).open("a") as handle:
        _acquire(handle.fileno(), target)
        yield Writer(target)


def _acquire(descriptor: int, target: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                message = f"'{target}' has been locked by another writer for {SECONDS} s. Try again later."
                raise StoreError(message) from None
            time.sleep(0.1)
        except OSError:
            return
