"""Published weights: read a file without running its code, tell which model it holds, fill ours or say why not.

Nothing here downloads: clusters often cannot, and a table must say which file it came from. Every refusal is an
AssetError that names the file, what was found in it and the command that gets the right one.
"""

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from fpd_bench.assets import hub
from fpd_bench.assets.kinds import KINDS, PREFIXES, identify
from fpd_bench.assets.weight_files import pickle_refused, refuse_text, some
from fpd_bench.errors import AssetError, UnknownName

__all__ = ["KINDS", "check_fit", "fitting_state", "identify", "load_state", "load_weights"]

WRAPPERS = ("model_state_dict", "state_dict")  # under which training scripts keep the weights
SHOWN = 3  # names listed in an error message


def load_state(path: str | Path, kind: str = "") -> dict[str, Tensor]:
    """The tensors of a .safetensors, .pth, .pt, .bin or .ckpt file, unwrapped and without common prefixes, on the CPU.

    path: a file, or a hub name: REPOSITORY/FILE, or REPOSITORY alone for the file that its kind has there.
    kind: a name in KINDS, for the message if the file is missing. Raises AssetError if the file is missing,
    incomplete, not a weights file, or a pickle that wants to run code.
    """
    path = _local(path, kind)
    if not path.is_file():
        hint = f" {KINDS[kind].how_to_get(path)}" if kind else ""
        what = "is a folder, not a weights file" if path.is_dir() else "does not exist"
        raise AssetError(f"Weights '{path}': {what}.{hint}")
    tensors = _unwrap(_read(path))
    if not tensors:
        raise AssetError(f"Weights '{path}': no tensors inside, nor under {' or '.join(WRAPPERS)}.")
    for prefix in PREFIXES:
        if all(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    return tensors


def load_weights(model: nn.Module, path: str | Path, kind: str) -> None:
    """Fill `model` (in place) from a file that must hold a model of `kind`, every tensor of it and no other.

    Tied tensors (`model.tied`: key -> key) may be stored once. Raises AssetError, UnknownName for an unknown kind.
    """
    model.load_state_dict(fitting_state(model, path, kind))


def fitting_state(model: nn.Module, path: str | Path, kind: str) -> dict[str, Tensor]:
    """What `load_weights` would fill `model` with; the model is only looked at, so it may be on the meta device."""
    if kind not in KINDS:
        raise UnknownName("weights kind", kind, [name for name in KINDS if KINDS[name].hub])
    path, wanted = Path(path), KINDS[kind]
    state = load_state(path, kind)
    found = identify(state)
    if found != kind:
        other = f"a {KINDS[found].title}" if found else f"an unknown model (keys {some(state)})"
        raise AssetError(f"Weights '{path}' hold {other}, not a {wanted.title}. {wanted.how_to_get(path)}")
    state = {key: value for key, value in state.items() if not key.startswith(wanted.ignored or ("\0",))}
    for pair in getattr(model, "tied", {}).items():
        for key, twin in (pair, pair[::-1]):
            if key not in state and twin in state:
                state[key] = state[twin]
    check_fit(model.state_dict(), state, f"Weights '{path}' ({wanted.title})")
    return state


def check_fit(ours: dict[str, Tensor], theirs: dict[str, Tensor], subject: str) -> None:
    """Raises AssetError unless both hold the same keys in the same shapes; subject: what `theirs` is."""
    missing, extra = ours.keys() - theirs.keys(), theirs.keys() - ours.keys()
    if missing or extra:
        raise AssetError(
            f"{subject} do not fit the model: {len(missing)} tensors missing {some(missing)}, "
            f"{len(extra)} unknown {some(extra)}. Is it another size of the model?"
        )
    wrong = [
        f"{key} {list(theirs[key].shape)} instead of {list(ours[key].shape)}"
        for key in sorted(ours)
        if theirs[key].shape != ours[key].shape
    ]
    if wrong:
        raise AssetError(f"{subject} are of another size: {'; '.join(wrong[:SHOWN])} ({len(wrong)} such tensors).")


def _local(path: str | Path, kind: str) -> Path:
    """The file itself, fetched into the hub's cache if it is a hub name. Raises AssetError if it cannot be had."""
    owner, repository, file = (*str(path).split("/", 2), "", "")[:3]
    file = file or (KINDS[kind].file if kind else "")
    if Path(path).exists() or not (owner.strip(".~") and repository and file) or Path(owner).exists():
        return Path(path)
    return hub.fetch(f"{owner}/{repository}", [file], kind or "weights")


def _unwrap(content: object) -> dict[str, Tensor]:
    for name in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    if not isinstance(content, dict):
        return {}
    return {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}


def _read(path: Path) -> object:
    refuse_text(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError) as error:
        if any(mark in str(error) for mark in ("Unsupported global", "Unsupported class", "TorchScript")):
            raise AssetError(pickle_refused(path, _wants(str(error)))) from error
        raise AssetError(
            f"Weights '{path}' are incomplete or corrupt ({_first_line(error)}). Fetch them again."
        ) from error


def _wants(reason: str) -> str:
    """What torch says an old pickle asks for."""
    return reason.partition("GLOBAL ")[2].split(" ")[0] or "TorchScript code"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
