"""What databases and disks do to the index, explained in one line each. Nothing is deleted on the way.

The cause is read from the driver's code (SQLite's result code, PostgreSQL's SQLSTATE) or from errno, never from a text.
"""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

import sqlalchemy as sa

from fpd_bench.errors import ConfigError, StoreError
from fpd_bench.store import address
from fpd_bench.store.server_state import why_no_connection


class Cause(Enum):
    """Why the index cannot be used, with what to do about it."""

    LOCKED = "Another process is using it. Try again when that process has ended."
    FULL = "Free some disk space and run the same command again. Nothing was deleted."
    NOT_OPENED = "Its folder is missing, or may not be written to. Choose another place: store.url=sqlite:///FILE"
    READ_ONLY = "Put the index elsewhere: store.url=sqlite:////tmp/index.sqlite"
    DISK = "Its disk is failing or full. Nothing was deleted."
    SERVER = "It does not answer, or lets nobody in."  # told in full by server_state
    NOT_ALLOWED = "Let the user of store.url make tables and write there: GRANT ALL ON SCHEMA public TO ..."
    OPTION = "Correct store.url: postgresql+psycopg://HOST:PORT/DATABASE"


WRONG_PLACE = (Cause.NOT_OPENED, Cause.READ_ONLY, Cause.OPTION)  # the user's to change
OUT_OF_REACH = (Cause.LOCKED, *WRONG_PLACE)  # the index may be sound: it must not be replaced
SQLITE = {  # primary result codes, the low byte of the extended ones
    sqlite3.SQLITE_BUSY: Cause.LOCKED,
    sqlite3.SQLITE_LOCKED: Cause.LOCKED,
    sqlite3.SQLITE_FULL: Cause.FULL,
    sqlite3.SQLITE_CANTOPEN: Cause.NOT_OPENED,
    sqlite3.SQLITE_READONLY: Cause.READ_ONLY,
    sqlite3.SQLITE_IOERR: Cause.DISK,
}
POSTGRES = {"55P03": Cause.LOCKED, "53100": Cause.FULL, "42501": Cause.NOT_ALLOWED, "25006": Cause.READ_ONLY}
SERVER_CLASSES = ("08", "28", "57")  # of SQLSTATE: no connection, not allowed in, the server goes down
ERRNO = {
    errno.EROFS: Cause.READ_ONLY,
    errno.EACCES: Cause.READ_ONLY,
    errno.EPERM: Cause.READ_ONLY,
    errno.ENOENT: Cause.NOT_OPENED,
    errno.ENOTDIR: Cause.NOT_OPENED,
    errno.ENOSPC: Cause.FULL,
    errno.EDQUOT: Cause.FULL,
}


def cause_of(error: Exception) -> Cause | None:
    """Find the cause of an error of the database or the disk; None for one that is not known here."""
    if isinstance(error, OSError):
        return ERRNO.get(error.errno or 0)
    driver = getattr(error, "orig", None)
    if isinstance(driver, sqlite3.Error):
        return SQLITE.get(getattr(driver, "sqlite_errorcode", 0) & 0xFF)
    state = getattr(driver, "sqlstate", "")
    if state is None:  # psycopg has none where no connection was made, or where it broke; or it could not read the URL
        return Cause.SERVER if isinstance(error, sa.exc.OperationalError) else Cause.OPTION
    return Cause.SERVER if state[:2] in SERVER_CLASSES else POSTGRES.get(state)


@contextmanager
def explain_errors(doing: str, url: str) -> Iterator[None]:
    """Raise errors of the database or the disk as StoreError: 'Cannot <doing> the index at <url>: <why>. <what to do>'.

    ConfigError if it is a place that cannot be written to at all: another one is to be named.
    """
    try:
        yield
    except (sa.exc.SQLAlchemyError, OSError) as error:
        cause = cause_of(error)
        kind = ConfigError if cause in WRONG_PLACE else StoreError
        if cause == Cause.SERVER:
            raise kind(f"Cannot {doing} the index: {why_no_connection(url)}") from error
        place, advice = address.without_password(url), cause.value if cause else ""
        raise kind(f"Cannot {doing} the index at '{place}': {_reason(error)}. {advice}".rstrip()) from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.strerror} ('{error.filename}')" if error.filename else str(error.strerror)
    driver = getattr(error, "orig", None)
    said = getattr(getattr(driver, "diag", None), "message_primary", None)  # of PostgreSQL: without the statement
    text = said or str(driver or error).split("\n(Background")[0]  # SQLAlchemy's link to its manual
    return " ".join(text.split()).rstrip(".")


def sqlite_file(url: str) -> Path | None:
    """Give the file of an SQLite URL; None for a server, or for a database in memory."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        return None
    return Path(parsed.database) if parsed.drivername.startswith("sqlite") and parsed.database else None
