"""Checkpoints: written whole, with a hash beside them, the newest two kept, a damaged one passed over."""

import pickle
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from fpd_bench.runs.folder import sealed

KEEP = 2


def save(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write step_<n>.pt and its hash; only both together count. Of those before it, the newest stays."""
    path = folder / f"step_{step}.pt"
    sealed.write(path, lambda temporary: torch.save(state, temporary))
    for old in [found for found in steps(folder) if found < step][: 1 - KEEP]:
        sealed.remove(folder / f"step_{old}.pt")
    return path


def steps(folder: Path) -> list[int]:
    """List the steps of the checkpoints in `folder`, ascending, damaged ones included."""
    names = (re.fullmatch(r"step_(\d{1,12})\.pt", path.name) for path in folder.glob("step_*.pt") if path.is_file())
    return sorted(int(name[1]) for name in names if name)


def load(folder: Path, warn: Callable[[str], None]) -> tuple[int, dict[str, Any]] | None:
    """Return (step, state) of the newest sound checkpoint, on the CPU; None without one. Damaged ones are told to
    `warn`.
    """
    for step in reversed(steps(folder)):
        path = folder / f"step_{step}.pt"
        trouble = sealed.trouble(path)
        if not trouble:
            try:
                with warnings.catch_warnings(action="ignore"):  # of protocols: what comes of it is told below
                    return step, torch.load(path, map_location="cpu", weights_only=True)
            except pickle.UnpicklingError:  # torch's words advise to run what the file asks for
                trouble = "was not loaded: it holds more than tensors, and loading it would run code"
            except Exception as error:  # torch raises whatever its unpickler meets; an older checkpoint is still good
                trouble = f"cannot be read ({type(error).__name__}: {str(error).splitlines()[0][:200]})"
        warn(f"checkpoint {path.name} {trouble}; using an older one")
    return None


def newest_size(folder: Path) -> int:
    """Return the bytes of the newest checkpoint, which the next will need, too; 0 without one."""
    found = steps(folder)
    return (folder / f"step_{found[-1]}.pt").stat().st_size if found else 0
