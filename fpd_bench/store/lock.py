"""One writer of an index at a time: a lock file beside an SQLite file, an advisory lock on a server."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from fpd_bench.errors import StoreError
from fpd_bench.store import address, index_schema

SECONDS = 120
PAUSE = 0.1
KEY = 0x6670645F69647831  # 'fpd_idx1': of ours among the advisory locks of a database


class IndexWriter:
    """Holds `<index>.lock`, in which the index's size and mtime after our last write are noted."""

    def __init__(self, target: Path):
        self.target = target

    @property
    def _note(self) -> Path:
        return _lock_file(self.target)

    def untouched(self) -> bool:
        """Say whether the index is as the last writer left it: then it need not be examined, which reads all of it."""
        return self._note.read_text() == _size_and_time(self.target) != ""

    def leave(self) -> None:
        """Note how the index is left."""
        self._note.write_text(_size_and_time(self.target))


def _lock_file(target: Path) -> Path:
    return target.with_name(f"{target.name}.lock")


def _size_and_time(target: Path) -> str:
    try:
        found = target.stat()
    except FileNotFoundError:
        return ""
    return f"{found.st_size} {found.st_mtime_ns}"


@contextmanager
def one_writer(target: Path | None, url: str = "") -> Iterator[IndexWriter | None]:
    """Hold the lock of an index while writing. target: an SQLite file; None: the server at `url`, which yields None.

    Raises StoreError if another writer keeps it for SECONDS. Without locks in the file system, SQLite's must do.
    """
    if target is None:
        with _lock_on_server(url):
            yield None
        return
    with _lock_file(target).open("a") as handle:
        _wait_for_lock(handle.fileno(), target)
        yield IndexWriter(target)


@contextmanager
def _lock_on_server(url: str) -> Iterator[None]:
    """Hold PostgreSQL's advisory lock: two that make the same tables or rows at once fail on its catalogue's keys.

    It is a transaction's, so that it ends with its holder and survives a connection pool.
    """
    engine = index_schema.connect(url)
    try:
        with engine.connect() as connection:
            deadline = time.monotonic() + SECONDS
            while not connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(KEY))).scalar_one():
                connection.rollback()
                if time.monotonic() > deadline:
                    raise StoreError(_locked(address.without_password(url)))
                time.sleep(PAUSE)
            yield
            connection.rollback()
    finally:
        engine.dispose()


def _wait_for_lock(descriptor: int, target: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StoreError(_locked(str(target))) from None
            time.sleep(PAUSE)
        except OSError:
            return


def _locked(place: str) -> str:
    return f"'{place}' has been locked by another writer for {SECONDS} s. Try again later."
