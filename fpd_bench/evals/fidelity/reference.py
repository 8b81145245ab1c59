"""What generated images are compared with: statistics (mu, sigma) and images, from an .npz or a folder.

ADM's VIRTUAL_imagenet256_labeled.npz holds both: mu and sigma of its whole training set for FID, and 10,000 images
`arr_0` that serve precision and recall only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fpd_bench.errors import AssetError
from fpd_bench.evals.fidelity.features import Features
from fpd_bench.evals.fidelity.image_streams import Images, open_images
from fpd_bench.evals.fidelity.packed import KEYS
from fpd_bench.files import arrays
from fpd_bench.records.layout import sha256

Statistics = tuple[NDArray[np.float64], NDArray[np.float64]]  # mu [D], sigma [D, D]
WIDEST = 1 << 16  # dimensions of features; a header that asks for more is damaged
ASYMMETRY = 1e-3  # of sigma, against its largest value: more than float32 makes


@dataclass(frozen=True)
class Reference:
    """statistics: as published, or None; images: None if the file has statistics only; digest: of the content."""

    name: str
    digest: str
    statistics: Statistics | None
    images: Images | None


def open_reference(path: Path) -> Reference:
    """Open a folder of images or an .npz. Raises AssetError for a file of neither, ConfigError for an empty folder."""
    if path.suffix.lower() != ".npz" or path.is_dir():
        folder = open_images(path)
        return Reference(path.name, folder.digest, None, folder)
    if not path.exists():
        raise AssetError(
            f"There is no reference '{path}'. ADM's is VIRTUAL_imagenet256_labeled.npz of "
            "https://github.com/openai/guided-diffusion/tree/main/evaluations."
        )
    names = set(arrays.names(path))
    if ("mu" in names) != ("sigma" in names):
        raise AssetError(
            f"The reference '{path}' has {', '.join(sorted(names))}; it needs both mu and sigma, or neither."
        )
    images = open_images(path) if names & set(KEYS) else None
    statistics = _statistics(path) if "mu" in names else None
    if statistics is None and images is None:
        raise AssetError(f"The reference '{path}' has {', '.join(sorted(names))}; it needs mu and sigma, or arr_0.")
    return Reference(path.name, sha256(path), statistics, images)


def _statistics(path: Path) -> Statistics:
    """Read mu and sigma. Raises AssetError for what cannot be a mean and a covariance."""
    of_mu, of_sigma = (arrays.header(path, name) for name in ("mu", "sigma"))
    sizes = f"mu {of_mu.dtype} {list(of_mu.shape)} and sigma {of_sigma.dtype} {list(of_sigma.shape)}"
    d = of_mu.shape[0] if len(of_mu.shape) == 1 else 0
    floats = of_mu.dtype.kind == of_sigma.dtype.kind == "f"
    if not (floats and 0 < d <= WIDEST and of_sigma.shape == (d, d)):
        raise AssetError(f"The reference '{path}' has {sizes}; mu must be float [D], sigma float [D, D].")
    mu, sigma = (arrays.load(path, name).astype(np.float64) for name in ("mu", "sigma"))
    for name, values in (("mu", mu), ("sigma", sigma)):
        wrong = int((~np.isfinite(values)).sum())
        if wrong:
            raise AssetError(f"The reference '{path}' has {wrong} values in {name} that are NaN or infinite.")
    if (np.diag(sigma) < 0).any() or np.abs(sigma - sigma.T).max() > ASYMMETRY * np.abs(sigma).max():
        raise AssetError(
            f"The matrix sigma of the reference '{path}' is not a covariance: it must be symmetric, with no "
            "negative number on its diagonal."
        )
    return mu, sigma


def features_of(reference: Reference, extract: Callable[[Images], Features]) -> Features | None:
    """Extract features of the reference's images, if it has any."""
    return None if reference.images is None else extract(reference.images)
