"""What databases and disks do to the index, told in one line each. Nothing is deleted on the way."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from fpd_bench.errors import ConfigError, StoreError
from fpd_bench.store import address

NOWHERE = (errno.EROFS, errno.EACCES, errno.EPERM)
FULL = (errno.ENOSPC, errno.EDQUOT)

# What a driver says: what to do about it.
ADVICE = {
    "locked": "Another process holds it. Try again when that one has ended.",
    "full": "Make room; the same command continues. Nothing was deleted.",
    "unable to open": "Its folder is missing, or may not be written to. Choose another place: store.url=sqlite:///FILE",
    "readonly": "Put the index elsewhere: store.url=sqlite:////tmp/index.sqlite",
    "disk i/o error": "Its disk fails, or is full. Nothing was deleted.",
    "connect": "Is the server up, and the host, the user and the password in store.url right?",
}


PLACES = ("unable to open", "readonly")


@contextmanager
def told(doing: str, url: str) -> Iterator[None]:
    """Raise errors of the database or the disk as StoreError: 'Cannot <doing> the index at <url>: <why>. <what to do>'.

    ConfigError if it is a place that cannot be written to at all: another one is to be named.
    """
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).split("\n(Background")[0]
        kind = ConfigError if any(words in said.lower() for words in PLACES) else StoreError
        raise kind(_sentence(doing, url, " ".join(said.split()))) from error
    except OSError as error:
        place = f"{error.strerror} ('{error.filename}')" if error.filename else str(error.strerror)
        advice = ADVICE["readonly"] if error.errno in NOWHERE else ADVICE["full"] if error.errno in FULL else ""
        kind = ConfigError if error.errno in NOWHERE else StoreError
        raise kind(f"Cannot {doing} the index at '{address.shown(url)}': {place}. {advice}".rstrip()) from error


def _sentence(doing: str, url: str, said: str) -> str:
    advice = next((words for key, words in ADVICE.items() if key in said.lower()), "")
    return f"Cannot {doing} the index at '{address.shown(url)}': {said.rstrip('.')}. {advice}".rstrip()


def sqlite_file(url: str) -> Path | None:
    """Give the file of an SQLite URL; None for a server, or for a database in memory."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        return None
    return Path(parsed.database) if parsed.drivername.startswith("sqlite") and parsed.database else None
