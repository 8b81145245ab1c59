"""Published weights: read a file without running its code, tell which model it holds, fill ours or say why not.

Nothing here downloads: clusters often cannot, and a table must say which file it came from. Every refusal is an
AssetError that names the file, what was found in it and the command that gets the right one.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from fpd_bench.assets import hub
from fpd_bench.assets.hostile import first_words, pickle_refused, refuse_code, refuse_hostile
from fpd_bench.assets.known_models import KNOWN_MODELS, identify
from fpd_bench.assets.values import check_archive
from fpd_bench.assets.weight_files import refuse_foreign, some
from fpd_bench.assets.weight_shards import shard_files
from fpd_bench.assets.wrappings import unwrapped
from fpd_bench.errors import AssetError, FpdError, UnknownName
from fpd_bench.models.pickled_module import is_tensor

__all__ = ["KNOWN_MODELS", "check_fit", "fitting_state", "identify", "load_state", "load_weights", "require_fit"]

T = TypeVar("T")
Shape = tuple[int, ...]
SHOWN = 3  # names listed in an error message


def load_state(path: str | Path, kind: str = "") -> dict[str, Tensor]:
    """Read a .safetensors, .pth, .pt, .bin or .ckpt file; return its tensors, unwrapped, without common prefixes, on
    the CPU.

    path: a file, the index of safetensors shards, or a hub name: REPOSITORY/FILE, or REPOSITORY alone for the file that
    its kind has there. kind: a name in KNOWN_MODELS, for the message if the file is missing.
    Raises AssetError if the file is missing, damaged, not a weights file, or a pickle that wants to run code.
    """
    path = _find_file(path, kind)
    if not path.is_file():
        hint = f" {KNOWN_MODELS[kind].how_to_get(path)}" if kind else ""
        what = "is a folder, not a weights file" if path.is_dir() else "does not exist"
        raise AssetError(f"Weights '{path}': {what}.{hint}")
    refuse_hostile(path)
    refuse_foreign(path, "")
    content = {name: value for part in shard_files(path) for name, value in _read(part).items()}
    return unwrapped(content, is_tensor)


def load_weights(model: nn.Module, path: str | Path, kind: str) -> None:
    """Fill `model` (in place) from a file that must hold a model of `kind`, every tensor of it and no other.

    Tied tensors (`model.tied`: key -> key) may be stored once; what nothing reads (`model.unread`) may be missing, and
    stays as it is. Raises AssetError, UnknownName for an unknown kind.
    """
    model.load_state_dict(fitting_state(model, path, kind), strict=False)  # which has looked at all names


def fitting_state(model: nn.Module, path: str | Path, kind: str) -> dict[str, Tensor]:
    """Read what `load_weights` fills `model` with; the model is not changed, so it may be on the meta device."""
    state = load_state(path, _known_kind(kind))
    require_fit(model, shapes_of(state), Path(path), kind)
    state = _complete_state(model, state, kind)
    spoilt = [name for name, value in state.items() if value.is_floating_point() and not value.isfinite().all()]
    if spoilt:
        raise AssetError(
            f"Weights '{path}' hold NaN or infinite numbers, in {len(spoilt)} tensors {some(spoilt)}. Fetch them again."
        )
    return state


def require_fit(model: nn.Module, shapes: Mapping[str, Shape], path: Path, kind: str) -> None:
    """Check that a file whose tensors have these shapes holds a `kind` of the model's size. Raises AssetError.

    model: may be on the meta device.
    """
    found, wanted = identify(shapes), KNOWN_MODELS[_known_kind(kind)]
    if found != kind:
        other = f"a {KNOWN_MODELS[found].title}" if found else f"an unknown model (keys {some(shapes)})"
        raise AssetError(f"Weights '{path}' hold {other}, not a {wanted.title}. {wanted.how_to_get(path)}")
    theirs, ours = _complete_state(model, shapes, kind), model.state_dict()
    for name in getattr(model, "unread", ()):
        theirs.setdefault(name, tuple(ours[name].shape))
    check_fit(ours, theirs, f"Weights '{path}' ({wanted.title})")


def check_fit(state: Mapping[str, Tensor], theirs: Mapping[str, Tensor] | Mapping[str, Shape], subject: str) -> None:
    """Check that both hold the same keys in the same shapes. Raises AssetError; subject: what `theirs` is."""
    ours, theirs = shapes_of(state), shapes_of(theirs)
    missing, extra = ours.keys() - theirs.keys(), theirs.keys() - ours.keys()
    if missing or extra:
        raise AssetError(
            f"{subject} do not fit the model: {len(missing)} tensors missing {some(missing)}, "
            f"{len(extra)} unknown {some(extra)}. The model may have another size."
        )
    wrong = [
        f"{key} {list(theirs[key])} instead of {list(ours[key])}" for key in sorted(ours) if theirs[key] != ours[key]
    ]
    if wrong:
        raise AssetError(f"{subject} are of another size: {'; '.join(wrong[:SHOWN])} ({len(wrong)} such tensors).")


def shapes_of(state: Mapping[str, Tensor] | Mapping[str, Shape]) -> dict[str, Shape]:
    """Return the shapes of tensors; shapes stay what they are."""
    return {name: tuple(getattr(value, "shape", value)) for name, value in state.items()}


def _known_kind(kind: str) -> str:
    if kind not in KNOWN_MODELS:
        raise UnknownName("weights kind", kind, [name for name in KNOWN_MODELS if KNOWN_MODELS[name].hub])
    return kind


def _complete_state(model: nn.Module, state: Mapping[str, T], kind: str) -> dict[str, T]:
    """Return a state (or its shapes) without what the model has no use for, and with both names of tied tensors."""
    kept = {key: value for key, value in state.items() if not key.startswith(KNOWN_MODELS[kind].ignored or ("\0",))}
    for pair in getattr(model, "tied", {}).items():
        for key, twin in (pair, pair[::-1]):
            if key not in kept and twin in kept:
                kept[key] = kept[twin]
    return kept


def _find_file(path: str | Path, kind: str) -> Path:
    """Find the file itself, fetched into the hub's cache if it is a hub name. Raises AssetError if it cannot be had."""
    owner, repository, file = (*str(path).split("/", 2), "", "")[:3]
    file = file or (KNOWN_MODELS[kind].file if kind else "")
    if Path(path).exists() or not (owner.strip(".~") and repository and file) or Path(owner).exists():
        return Path(path)
    return hub.fetch(f"{owner}/{repository}", [file], kind or "weights")


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        check_archive(path)
        with warnings.catch_warnings(action="ignore"):  # of protocols: what comes of it is told below
            return torch.load(path, map_location="cpu", weights_only=True)
    except FpdError:
        raise
    except Exception as error:  # torch raises whatever its unpickler meets in damaged bytes, an AssertionError, too
        refuse_code(path)
        if any(mark in str(error) for mark in ("Unsupported global", "Unsupported class", "TorchScript")):
            raise AssetError(pickle_refused(path, _asked_class(str(error)))) from error
        raise AssetError(
            f"Weights '{path}' are incomplete or corrupt ({first_words(error)}). Fetch them again."
        ) from error


def _asked_class(reason: str) -> str:
    """Return what torch says an old pickle asks for."""
    return reason.partition("GLOBAL ")[2].split(" ")[0] or "TorchScript code"
