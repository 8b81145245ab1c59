"""Where the index is: `store.url=URL` on a command line, else FPD_STORE_URL, else results/index.sqlite.

A password in the URL is for the driver alone. It is masked in every message and struck from the command line, which
provenance records and `ps` shows.
"""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from fpd_bench import secrets_mask
from fpd_bench.errors import ConfigError
from fpd_bench.records import layout

KEY = "store.url="
VARIABLE = "FPD_STORE_URL"
_IN_QUERY = re.compile(r"[?&](?:password|sslpassword|passwd)=([^&\s]+)")  # postgresql://host/db?password=...
VALID = "Valid: store.url=sqlite:///FILE or store.url=postgresql+psycopg://HOST/NAME"


def take_url(arguments: Sequence[str] | None) -> tuple[str | None, list[str]]:
    """Split a command line, None = this process's own, into the URL and the other arguments.

    Raises ConfigError if there are two, or one that no driver could read.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    urls = [text.removeprefix(KEY) for text in given if text.startswith(KEY)]
    for text in [*given, os.environ.get(VARIABLE, "")]:  # all: a mistyped store.ur= is quoted by somebody's error
        _hide_password(text)
    if len(urls) > 1:
        raise ConfigError("store.url is given more than once. Give it once.")
    found = urls[0] if urls else os.environ.get(VARIABLE) or None
    if found is not None:
        _check_url(found)
    return found, [text for text in given if not text.startswith(KEY)]


def default_url(results: Path) -> str:
    """Give FPD_STORE_URL if it is set, else results/index.sqlite."""
    found = os.environ.get(VARIABLE)
    if found:
        _hide_password(found)
        _check_url(found)
    return found or f"sqlite:///{results / layout.INDEX}"


def without_password(url: str) -> str:
    """Give the URL as messages may show it: without its password."""
    return secrets_mask.mask(url)


def _hide_password(text: str) -> None:
    for password in (_user_info(text).partition(":")[2], *_IN_QUERY.findall(text)):
        if password:
            secrets_mask.remember(password)
            secrets_mask.erase_from_command_line(password)


def _user_info(url: str) -> str:
    """Give what stands between :// and the last @: more than SQLAlchemy takes if the password holds an @.

    In a URL that has lost its slashes it stands behind the first colon.
    """
    user, at, _ = url.partition("://" if "://" in url else ":")[2].rpartition("@")
    return user if at else ""


def _check_url(url: str) -> None:
    if "://" not in url:
        raise ConfigError(f"'{without_password(url)}' is not the URL of a database. {VALID}.")
    if url.partition("://")[0].partition("+")[0] not in ("sqlite", "postgresql"):
        raise ConfigError(f"The store at '{without_password(url)}' is neither SQLite nor PostgreSQL. {VALID}.")
    if "@" in _user_info(url):
        raise ConfigError(
            f"store.url '{without_password(url)}' has more than one @. Write %40 for an @ in the password. {VALID}."
        )
    import sqlalchemy as sa  # here: it takes longer to load than a command's help

    try:
        sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # the second for a port that is no number
        raise ConfigError(
            f"store.url '{without_password(url)}' cannot be read: is its port a number? {VALID}."
        ) from None
