"""Where published files lie: $FPD_WEIGHTS.

A folder with one subfolder per hub repository, as `hf download REPOSITORY --local-dir` leaves it; `hub` stands for the
folder ~/.cache/fpd-bench/weights, into which missing files are downloaded. It is a place, not a setting: it is no
part of a run's name, and every run records the sha256 of what it read.
"""

import os
from pathlib import Path

from fpd_bench.assets import hub

VARIABLE = "FPD_WEIGHTS"
DATA_VARIABLE = "FPD_DATA"  # folder of captions and pictures; by default `data` in $FPD_WEIGHTS


def weights_place() -> Path | None:
    """Give the folder that $FPD_WEIGHTS names, there or not; None if it is not set."""
    named = os.environ.get(VARIABLE, "")
    if not from_hub():
        return Path(named) if named else None
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fpd-bench" / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def from_hub() -> bool:
    """Say whether what is missing is to be fetched."""
    return os.environ.get(VARIABLE) == hub.HUB and not Path(hub.HUB).is_dir()


def existing_weights_folder() -> Path | None:
    """Give the folder $FPD_WEIGHTS; None if it is not set, or no folder."""
    folder = weights_place()
    return folder if folder and folder.is_dir() else None


def data_folder(weights: Path) -> Path:
    """Give the folder of captions and pictures."""
    return Path(os.environ.get(DATA_VARIABLE) or weights / "data")
