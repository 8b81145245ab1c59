"""What generated images are compared with: statistics (mu, sigma) and images, from an .npz or a folder.

ADM's VIRTUAL_imagenet256_labeled.npz holds both: mu and sigma of its whole training set for FID, and 10,000 images
`arr_0` that serve precision and recall only.
"""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fpd_bench.errors import AssetError
from fpd_bench.evals.fidelity.features import Features
from fpd_bench.evals.fidelity.images import KEYS, Images, open_images
from fpd_bench.records.layout import sha256

Statistics = tuple[NDArray[np.float64], NDArray[np.float64]]  # mu [D], sigma [D, D]


@dataclass(frozen=True)
class Reference:
    """statistics: as published, or None; images: None if the file has statistics only; digest: of the content."""

    name: str
    digest: str
    statistics: Statistics | None
    images: Images | None


def open_reference(path: Path) -> Reference:
    """A folder of images or an .npz. Raises AssetError for a file without either, ConfigError for an empty folder."""
    if path.suffix != ".npz":
        folder = open_images(path)
        return Reference(path.name, folder.digest, None, folder)
    if not path.is_file():
        raise AssetError(
            f"There is no reference '{path}'. ADM's is VIRTUAL_imagenet256_labeled.npz of "
            "https://github.com/openai/guided-diffusion/tree/main/evaluations."
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            names = set(file.files)
            statistics = (file["mu"], file["sigma"]) if {"mu", "sigma"} <= names else None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise AssetError(f"The reference '{path}' cannot be read: {error}. Fetch it again.") from error
    images = open_images(path) if names & set(KEYS) else None
    if statistics is None and images is None:
        raise AssetError(f"The reference '{path}' has {', '.join(sorted(names))}; it needs mu and sigma, or arr_0.")
    return Reference(path.name, sha256(path), statistics and _checked(statistics, path), images)


def _checked(statistics: Statistics, path: Path) -> Statistics:
    mu, sigma = (np.asarray(part, dtype=np.float64) for part in statistics)
    if mu.ndim != 1 or sigma.shape != (len(mu), len(mu)):
        raise AssetError(f"The reference '{path}' has mu {list(mu.shape)} and sigma {list(sigma.shape)}.")
    return mu, sigma


def features_of(reference: Reference, extract: Callable[[Images], Features]) -> Features | None:
    """Features of the reference's images, if it has any."""
    return None if reference.images is None else extract(reference.images)
