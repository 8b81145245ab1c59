"""Inception's weights, which FID as in the papers needs and no package brings. Needs no torch."""

import os
from pathlib import Path

from fpd_bench.assets.environment import VARIABLE, weights_place
from fpd_bench.errors import AssetError

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{INCEPTION_FILE}"


def inception_file(given: Path | None = None, folder: Path | None = None) -> Path:
    """Look at `given`, or in the folder (also in its `torch-fidelity`) and where torch downloads to.

    folder: $FPD_WEIGHTS by default.

    Raises AssetError with where they are published and where to put them.
    """
    folder = folder or weights_place()
    home = Path(os.environ.get("TORCH_HOME") or Path.home() / ".cache" / "torch")
    ours = [folder / INCEPTION_FILE, folder / "torch-fidelity" / INCEPTION_FILE] if folder else []
    places = [given] if given else [*ours, home / "hub" / "checkpoints" / INCEPTION_FILE]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        target = (folder or Path("WEIGHTS")) / INCEPTION_FILE
        raise AssetError(
            f"FID needs the weights of Inception, which are not at {', '.join(map(str, places))}. On a machine "
            f"with internet access run: wget -O {target} {INCEPTION_URL} ; then export "
            f"{VARIABLE}={folder or 'WEIGHTS'}"
        )
    return found
