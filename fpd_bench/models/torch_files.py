"""What torch.save wrote, read without running anything in it; torch's own words and advice reach nobody."""

import warnings
from pathlib import Path
from typing import Any

import torch

from fpd_bench.assets.hostile import first_words, refuse_code
from fpd_bench.assets.weight_files import refuse_script
from fpd_bench.errors import AssetError


def read_torch(path: Path, what: str = "Weights", then: str = "Fetch them again.") -> Any:
    """Read tensors and plain values of a file, on the CPU.

    what: names the file in a message; then: says what to do with a damaged one. Raises AssetError, in one line, for a
    file that would run code or that torch cannot read, OSError for one that cannot be opened.
    """
    with path.open("rb"):  # may it be opened at all? Over damaged zips torch raises OSError, too
        pass
    try:
        with warnings.catch_warnings(action="ignore"):  # of protocols: what comes of it is told below
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip and pickle raise a dozen kinds over damaged bytes
        refuse_script(path)
        refuse_code(path)
        raise AssetError(f"{what} '{path}' cannot be read: {first_words(error)}. {then}") from error
