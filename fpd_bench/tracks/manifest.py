"""Files that a track ships, each named in manifest.json with its sha256 and its network's sizes; needs no torch."""

import hashlib
import json
from pathlib import Path
from typing import Any

from fpd_bench.errors import AssetError


def read_verified(file: Path, missing: str, rebuild: str) -> tuple[bytes, dict[str, Any], str]:
    """Read (content, manifest entry, sha256) of a file. missing: the beginning of the message if it is not there;
    rebuild: a command.

    Raises AssetError naming file and hash.
    """
    entry = manifest(file.parent).get(file.name)
    if entry is None or not file.exists():
        raise AssetError(f"{missing} in {file.parent}. Build them: {rebuild}")
    content = file.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != entry["sha256"]:
        raise AssetError(
            f"{file} has sha256 {found}, but manifest.json says {entry['sha256']}: damaged, or another file. "
            f"Reinstall fpd-bench, or rebuild it: {rebuild}"
        )
    return content, entry, found


def manifest(folder: Path) -> dict[str, Any]:
    """Read {file: {"sha256", "shape"}}; empty where there is none. Raises AssetError for one that cannot be read."""
    file = folder / "manifest.json"
    if not file.exists():
        return {}
    try:
        return dict(json.loads(file.read_text()))
    except (json.JSONDecodeError, TypeError, ValueError) as error:
        raise AssetError(f"{file} is not a manifest: {error}. Reinstall fpd-bench.") from None


def write_with_entry(file: Path, content: bytes, shape: dict[str, Any]) -> Path:
    """Write a file and its manifest entry, each whole or not at all; return the path of the file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    _replace(file, content)
    entry = {"sha256": hashlib.sha256(content).hexdigest(), "shape": shape}
    entries = {**manifest(file.parent), file.name: entry}
    _replace(file.parent / "manifest.json", (json.dumps(entries, indent=2, sort_keys=True) + "\n").encode())
    return file


def _replace(file: Path, content: bytes) -> None:
    part = file.with_suffix(".part")
    part.write_bytes(content)
    part.replace(file)
