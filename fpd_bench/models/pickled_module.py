"""The weights of a pickle that names classes of its own, without running their code: a module that was pickled whole,
a trainer's checkpoint with its callbacks.

`pickle.dump({"ema": module})` stores a module as objects of the classes that made it, and loading it would import and
run them. Here every class is a stand-in that only keeps what was stored, save for what makes tensors. SiD-LSG's
one-step generators are published this way (pickle protocol 4), taming's VQGAN as a checkpoint of Lightning.
"""

import io
import pickle
import types
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.storage import TypedStorage, UntypedStorage

from fpd_bench.assets.hostile import first_words, refuse_hostile
from fpd_bench.assets.outline import LEGACY_MAGIC, Kept
from fpd_bench.assets.weight_files import refuse_script
from fpd_bench.assets.wrappings import unwrapped
from fpd_bench.errors import AssetError

UNREADABLE = (
    pickle.UnpicklingError, EOFError, RuntimeError, TypeError, ValueError, AttributeError, KeyError, IndexError,
)  # fmt: skip


def _storage(content: bytes) -> TypedStorage | UntypedStorage:
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


MAKES_TENSORS: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
    ("torch._utils", "_rebuild_parameter_with_state"): lambda tensor, *_: tensor,
    ("torch._utils", "_rebuild_tensor"): torch._utils._rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch.storage", "_load_from_bytes"): _storage,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return a stand-in for a class, and never import it, save for what makes tensors."""
        return MAKES_TENSORS.get((module, name), Kept)


class _StandIns(types.ModuleType):
    """What torch.load takes in the place of Python's pickle module; it wraps the Unpickler, for the storages."""

    Unpickler, UnpicklingError = _Unpickler, pickle.UnpicklingError

    @staticmethod
    def load(stream: Any, **options: Any) -> Any:
        return _Unpickler(stream, **options).load()


def read_pickle(path: str | Path) -> Any:
    """Read a pickle of torch.save or pickle.dump: tensors, and stand-ins for what other classes would make.

    Raises AssetError for a file that is no pickle, or not a whole one.
    """
    try:
        if not zipfile.is_zipfile(path):
            with Path(path).open("rb") as stream:
                content = _Unpickler(stream).load()
            if content != LEGACY_MAGIC:
                return content
        refuse_script(Path(path))  # torch.load would hand it on to the loader of programs
        return torch.load(path, map_location="cpu", weights_only=False, pickle_module=_StandIns("stand_ins"))
    except UNREADABLE as error:
        refuse_hostile(Path(path))
        raise AssetError(
            f"Weights '{path}' are no pickled module, or incomplete: {first_words(error)}. Fetch them again."
        ) from error


def module_state(content: Any, name: str = "") -> dict[str, Tensor]:
    """Find {dotted name: tensor} of a module, as `state_dict()` gives it, or of a state, wrapped or not; may be empty.

    name: which of several objects, if the content is a dictionary of them.
    """
    inside = name and isinstance(content, dict) and not isinstance(content, Kept)
    found = content.get(name) if inside else content
    return dict(_tensors(found, "")) or unwrapped(found, is_tensor)


def is_tensor(value: object) -> bool:
    return isinstance(value, Tensor)


def pickled_state(path: str | Path, name: str = "ema") -> dict[str, Tensor]:
    """Read the state of a pickled module, on the CPU. name: which of several objects in the file.

    Raises AssetError for a file that holds none.
    """
    state = module_state(read_pickle(path), name)
    if not state:
        refuse_hostile(Path(path))
        raise AssetError(f"Weights '{path}' hold no pickled module, neither alone nor under the name '{name}'.")
    return state


def _tensors(module: Any, prefix: str) -> Iterator[tuple[str, Tensor]]:
    own = getattr(module, "__dict__", {})
    passing = own.get("_non_persistent_buffers_set", ())
    for kind in ("_parameters", "_buffers"):
        for name, tensor in (own.get(kind) or {}).items():
            if is_tensor(tensor) and name not in passing:
                yield prefix + name, tensor
    for name, child in (own.get("_modules") or {}).items():
        yield from _tensors(child, f"{prefix}{name}.")
