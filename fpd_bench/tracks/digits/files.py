"""Which files a preset of the digits needs, and whether they are there and whole; needs no torch."""

from pathlib import Path
from typing import Any

from fpd_bench.tracks import manifest

FOLDER = Path(__file__).parent / "assets"
PARTS = ("classifier", "tokenizer", "teacher")  # in the order in which they are trained
REBUILD = "python -m fpd_bench.tracks build digits --preset {}"


def path_of(part: str, preset: str, folder: Path = FOLDER) -> Path:
    """Where a network's weights lie."""
    return folder / f"{preset}.{part}.safetensors"


def verified(part: str, preset: str, folder: Path = FOLDER) -> tuple[bytes, dict[str, Any], str]:
    """(content, manifest entry, sha256) of a network's file. Raises AssetError naming file and hash."""
    missing = f"Preset '{preset}' has no built {part}"
    return manifest.verified(path_of(part, preset, folder), missing, REBUILD.format(preset))


def verify(preset: str, folder: Path = FOLDER) -> None:
    """Raises AssetError if one of the preset's files is missing or foreign."""
    for part in PARTS:
        verified(part, preset, folder)
