"""The image files of runs: the only files of a run directory that a report opens, and only if the index lists them."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fpd_bench.records.layout import sha256
from fpd_bench.store.query import Run

MOST_BYTES = 2**30  # files of more are left out: they would be read whole


def read_images(run: Run, suite: str | None, files: Sequence[dict[str, Any]]) -> tuple[Any, str]:
    """Read the images that a run drew for a suite: (uint8 [items, replicates, H, W, 3], path in the run directory).

    files: its `artifacts` of kind samples. (None, '') if there is no such file, if it is
    large, or if it has changed since it was written, which is said on stderr.
    """
    for path, size, digest in [(one["path"], one["bytes"], one["sha256"]) for one in files]:
        file = run.folder / path
        if Path(path).stem != suite or size >= MOST_BYTES or not file.is_file():
            continue
        if digest and sha256(file) != digest:
            print(f"Left out of the report, because the file has changed since it was written: {file}", file=sys.stderr)
            continue
        with np.load(file) as arrays:
            return arrays["images" if "images" in arrays.files else arrays.files[0]], path
    return None, ""
