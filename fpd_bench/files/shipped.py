"""Where the files lie that come with this package and are no code: in a checkout, or inside the installed package."""

from pathlib import Path

import fpd_bench
from fpd_bench.errors import AssetError

PACKAGE = Path(fpd_bench.__file__).parent
CHECKOUT = PACKAGE.parent
INSTALLED = "shipped"  # fpd_bench/shipped/, made by setup.py when a wheel is built
FOLDERS = {"sweeps": "sweeps", "plugin": "examples/plugin"}  # inside `shipped`: in a checkout


def folder(name: str) -> Path:
    """Find the folder `sweeps` or `plugin`. Raises AssetError for an installation that lacks it."""
    for path in (CHECKOUT / FOLDERS[name], PACKAGE / INSTALLED / name):
        if path.is_dir() and (path.parent == PACKAGE / INSTALLED or (CHECKOUT / "pyproject.toml").is_file()):
            return path
    raise AssetError(f"This installation of fpd-bench lacks its {name}. Install it again: pip install fpd-bench")
