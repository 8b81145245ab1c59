"""Files with a hash beside them: what a later stage uses is what an earlier one wrote, or it is made again.

`student.safetensors` is vouched for by `student.sha256`. The hash is there before the file appears under its name, so
no kill leaves a whole file without one. Needs no torch.
"""

from collections.abc import Callable
from pathlib import Path

from fpd_bench.errors import OddFile
from fpd_bench.records.layout import sha256
from fpd_bench.records.odd_files import read_bytes
from fpd_bench.runs.folder.whole_files import whole_file, write_text

HEX = 64  # digits of a SHA-256


def write(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write(temporary)` for a file that appears as `path` whole, its hash beside it, or not at all."""
    with whole_file(path) as temporary:
        write(temporary)
        write_text(hash_path(path), sha256(temporary) + "\n")


def hash_path(path: Path) -> Path:
    """Return the path of the hash of `path`."""
    return path.with_suffix(".sha256")


def noted_hash(path: Path) -> str | None:
    """Read the hash that was noted when `path` was written; None without one that makes sense."""
    try:
        text = read_bytes(hash_path(path), most=1024).decode("ascii", "replace").strip()
    except (FileNotFoundError, OddFile):
        return None
    return text if len(text) == HEX and set(text) <= set("0123456789abcdef") else None


def trouble(path: Path) -> str:
    """Say why `path` is not what was written: 'has no hash', 'does not match its hash', ...; '' if it is sound."""
    if not path.is_file():
        return "is not a file" if path.exists() else "is not there"
    expected = noted_hash(path)
    if expected is None:
        return "has no hash"
    try:
        return "" if sha256(path) == expected else "does not match its hash"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def remove(path: Path) -> None:
    """Remove a file and its hash, the file first. A directory in its place is left alone."""
    for one in (path, hash_path(path)):
        if one.is_file() or one.is_symlink():
            one.unlink(missing_ok=True)
