"""Checkpoints: written whole, with a hash beside them, the newest two kept, a damaged one passed over."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from fpd_bench.records.layout import sha256
from fpd_bench.runs.folder.rundir import write_text, write_with

KEEP = 2


def save(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write step_<n>.pt, then its hash; only both together count. Older ones than the newest two are removed."""
    path = folder / f"step_{step}.pt"
    _hash_file(path).unlink(missing_ok=True)
    write_with(path, lambda temporary: torch.save(state, temporary))
    write_text(_hash_file(path), sha256(path) + "\n")
    for old in steps(folder)[:-KEEP]:
        _hash_file(folder / f"step_{old}.pt").unlink(missing_ok=True)
        (folder / f"step_{old}.pt").unlink(missing_ok=True)
    return path


def steps(folder: Path) -> list[int]:
    """Steps of the checkpoints in `folder`, ascending, damaged ones included."""
    names = (re.fullmatch(r"step_(\d+)\.pt", path.name) for path in folder.glob("step_*.pt"))
    return sorted(int(name[1]) for name in names if name)


def load(folder: Path, warn: Callable[[str], None]) -> tuple[int, dict[str, Any]] | None:
    """(step, state) of the newest sound checkpoint, on the CPU; None without one. Damaged ones are told to `warn`."""
    for step in reversed(steps(folder)):
        path = folder / f"step_{step}.pt"
        expected = _hash_file(path).read_text().strip() if _hash_file(path).exists() else None
        if expected != sha256(path):
            warn(
                f"checkpoint {path.name} {'does not match its hash' if expected else 'has no hash'}; using an older one"
            )
            continue
        try:
            return step, torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises whatever its unpickler meets; an older checkpoint is still good
            warn(f"checkpoint {path.name} cannot be read ({type(error).__name__}: {error}); using an older one")
    return None


def newest_size(folder: Path) -> int:
    """Bytes of the newest checkpoint, which the next will need, too; 0 without one."""
    found = steps(folder)
    return (folder / f"step_{found[-1]}.pt").stat().st_size if found else 0


def _hash_file(path: Path) -> Path:
    return path.with_suffix(".sha256")
