"""Whether a preset's shipped file is there and whole, by the sha256 of the manifest; needs no torch."""

import hashlib
import json
from pathlib import Path
from typing import Any

from fpd_bench.errors import AssetError

FOLDER = Path(__file__).parent / "assets"
REBUILD = "python -m fpd_bench.tracks build shapes --preset {}"


def verified(name: str, folder: Path = FOLDER) -> tuple[bytes, dict[str, Any], str]:
    """(content, manifest entry, sha256) of a preset's file. Raises AssetError naming file and hash."""
    file = folder / f"{name}.safetensors"
    entry = manifest(folder).get(file.name)
    if entry is None or not file.exists():
        raise AssetError(f"Preset '{name}' has no built assets in {folder}. Build them: {REBUILD.format(name)}")
    content = file.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != entry["sha256"]:
        raise AssetError(
            f"{file} has sha256 {found}, but manifest.json says {entry['sha256']}: it is corrupt or foreign. "
            f"Reinstall fpd-bench, or rebuild it: {REBUILD.format(name)}"
        )
    return content, entry, found


def manifest(folder: Path) -> dict[str, Any]:
    """{file: {"sha256", "shape"}}; empty where there is none. Raises AssetError for one that cannot be read."""
    file = folder / "manifest.json"
    if not file.exists():
        return {}
    try:
        return dict(json.loads(file.read_text()))
    except (json.JSONDecodeError, TypeError, ValueError) as error:
        raise AssetError(f"{file} is not a manifest: {error}. Reinstall fpd-bench.") from None
