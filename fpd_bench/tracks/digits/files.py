"""Which files a preset of the digits needs, and whether they are there and whole; needs no torch."""

from pathlib import Path
from typing import Any

from fpd_bench.tracks import manifest

FOLDER = Path(__file__).parent / "assets"
PARTS = ("classifier", "tokenizer", "teacher")  # in the order in which they are trained
REBUILD = "python -m fpd_bench.tracks build digits --preset {}"


def path_of(part: str, preset: str, folder: Path = FOLDER) -> Path:
    """Return the path of a network's weights."""
    return folder / f"{preset}.{part}.safetensors"


def read_verified(part: str, preset: str, folder: Path = FOLDER) -> tuple[bytes, dict[str, Any], str]:
    """Read (content, manifest entry, sha256) of a network's file. Raises AssetError naming file and hash."""
    missing = f"Preset '{preset}' has no built {part}"
    return manifest.read_verified(path_of(part, preset, folder), missing, REBUILD.format(preset))


def verify(preset: str, folder: Path = FOLDER) -> None:
    """Check that all files of the preset are there, as they were built. Raises AssetError."""
    for part in PARTS:
        read_verified(part, preset, folder)
