"""Sweeps by name: `table3` is table3.yaml of the folder sweeps/ here, else the one that comes with the package."""

from collections.abc import Iterable
from pathlib import Path

from fpd_bench.errors import AssetError
from fpd_bench.files import shipped

HERE = Path("sweeps")


def find_sweep(word: str | Path) -> Path:
    """Find the file that a word names: a path, or the name of a sweep. What nobody has stays as it is, for the reader
    to refuse."""
    path = Path(word)
    if path.suffix or path.is_file() or len(path.parts) != 1:
        return path
    for folder in _folders():
        if (folder / f"{path}.yaml").is_file():
            return folder / f"{path}.yaml"
    return path


def split_overrides(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """Split a line into its sweeps and its overrides: key=value, unless there is a file of that name."""
    sweeps: list[str] = []
    overrides: list[str] = []
    for word in words:
        (overrides if "=" in word and not Path(word).exists() else sweeps).append(word)
    return sweeps, overrides


def names() -> list[str]:
    """List the sweeps and searches that can be asked for by name."""
    return sorted({path.stem for folder in _folders() for path in folder.glob("*.yaml")})


def _folders() -> list[Path]:
    try:
        return [HERE, shipped.folder("sweeps")]
    except AssetError:
        return [HERE]
