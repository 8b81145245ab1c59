"""The weights of a module that was pickled whole, without running the code that it names.

`pickle.dump({"ema": module})` stores a module as objects of the classes that made it, and loading it would import and
run them. Here every class is a stand-in that only keeps what was stored, save for what makes tensors. SiD-LSG's
one-step generators are published this way (pickle protocol 4).
"""

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.storage import TypedStorage, UntypedStorage

from fpd_bench.errors import AssetError


class Kept(dict):
    """Stands for an object of any class: its attributes, and its items if it was a mapping."""

    def __init__(self, *arguments: Any, **named: Any):
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state if isinstance(state, dict) else {})

    def __hash__(self) -> int:  # type: ignore[override]
        """It may have been a key; a dict has none, which is what the type complains of."""
        return id(self)

    def append(self, item: Any) -> None:
        """It may have been a list; what it held is not needed."""


def _storage(content: bytes) -> TypedStorage | UntypedStorage:
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


MAKES_TENSORS: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch.storage", "_load_from_bytes"): _storage,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Never imports."""
        return MAKES_TENSORS.get((module, name), Kept)


def pickled_state(path: str | Path, name: str = "ema") -> dict[str, Tensor]:
    """{dotted name: tensor on the CPU} as `state_dict()` gives it.

    name: which of several objects in the file. Raises AssetError for a file that holds no module.
    """
    try:
        with Path(path).open("rb") as stream:
            content = _Unpickler(stream).load()
        found = content.get(name) if isinstance(content, dict) and not isinstance(content, Kept) else content
        state = dict(_tensors(found, ""))
    except (pickle.UnpicklingError, EOFError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise AssetError(f"Weights '{path}' are no pickled module, or not whole: {error}. Fetch them again.") from error
    if not state:
        raise AssetError(f"Weights '{path}' hold no pickled module, alone or under '{name}'.")
    return state


def _tensors(module: Any, prefix: str) -> Iterator[tuple[str, Tensor]]:
    own = getattr(module, "__dict__", {})
    passing = own.get("_non_persistent_buffers_set", ())
    for kind in ("_parameters", "_buffers"):
        for name, tensor in own.get(kind, {}).items():
            if isinstance(tensor, Tensor) and name not in passing:
                yield prefix + name, tensor
    for name, child in own.get("_modules", {}).items():
        yield from _tensors(child, f"{prefix}{name}.")
