"""Whether a preset's shipped file is there and whole, by the sha256 of the manifest; needs no torch."""

from pathlib import Path
from typing import Any

from fpd_bench.config.tracks import own_preset
from fpd_bench.tracks import manifest

FOLDER = Path(__file__).parent / "assets"
REBUILD = "python -m fpd_bench.tracks build shapes --preset {}"


def read_verified(name: str, folder: Path = FOLDER) -> tuple[bytes, dict[str, Any], str]:
    """Read (content, manifest entry, sha256) of a preset's file. Raises AssetError naming file and hash."""
    file = folder / f"{name}.safetensors"
    return manifest.read_verified(file, f"Preset '{name}' has no built assets", REBUILD.format(name))


def verify(name: str) -> None:
    """Check that the preset's file is there, as it was built. Raises AssetError."""
    read_verified(own_preset("shapes", name))
