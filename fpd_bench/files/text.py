"""Text and JSON that somebody else wrote, and seals that tell whether our own is still what we wrote."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fpd_bench.errors import AssetError

SEAL = "seal"


def read_bytes(path: Path) -> bytes:
    """Read a regular file's bytes. Raises AssetError."""
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise AssetError(f"'{path}' is not a regular file.")
        return path.read_bytes()
    except OSError as error:
        raise AssetError(f"Cannot read '{path}': {error.strerror or error}.") from error


def read_text(path: Path) -> str:
    """Read UTF-8 text, with or without a byte order mark. Raises AssetError."""
    try:
        return read_bytes(path).decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise AssetError(f"'{path}' is not UTF-8 text: {error}. Save it as UTF-8.") from error


def parse(text: str | bytes, where: str) -> Any:
    """Parse the JSON document in `text`, UTF-8. Raises AssetError, also for a key that is there twice and for NaN."""
    try:
        text = text if isinstance(text, str) else text.decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        raise AssetError(f"{where} is not JSON that can be read: it is nested too deeply.") from None
    except ValueError as error:
        raise AssetError(f"{where} is not JSON: {error}.") from error


def read_json(path: Path) -> dict[str, Any]:
    """Read the one JSON object that a file holds. Raises AssetError."""
    found = parse(read_text(path), f"'{path}'")
    if not isinstance(found, dict):
        raise AssetError(f"'{path}' must hold one JSON object; it holds a {type(found).__name__}.")
    return found


def sealed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Add a checksum of all its other values to the row."""
    bare = {key: value for key, value in row.items() if key != SEAL}
    return bare | {SEAL: _seal(bare)}


def unsealed(row: dict[str, Any], where: str) -> dict[str, Any]:
    """Check a row's seal and take it off; rows without one, as other programs write, pass. Raises AssetError."""
    bare = {key: value for key, value in row.items() if key != SEAL}
    if SEAL in row and row[SEAL] != _seal(bare):
        raise AssetError(
            f"{where} has changed since it was written: its checksum differs. Restore it, or make it again."
        )
    return bare


def _seal(bare: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()[:16]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r:.60} appears twice")
    return found


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is not a number")
