"""What training scripts put around weights: dictionaries with a name for them, and prefixes of their names."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

WRAPPERS = ("model_state_dict", "state_dict")  # under which the weights are looked for
PREFIXES = ("module.", "model.", "_orig_mod.")  # left by DistributedDataParallel, by wrappers, by torch.compile


def unwrapped(content: Any, is_tensor: Callable[[Any], bool]) -> dict[str, Any]:
    """Find {name: tensor} in what a file holds, at the top or under WRAPPERS, without prefixes; may be empty."""
    while isinstance(content, Mapping) and (inside := [name for name in WRAPPERS if _is_dict(content, name)]):
        content = content[inside[0]]
    return bare(_tensors(content, is_tensor))


def hidden_under(content: Any, is_tensor: Callable[[Any], bool]) -> list[str]:
    """List the names at the top under which there are tensors, or a module, that `unwrapped` does not look for."""
    if not isinstance(content, Mapping):
        return []
    return [
        name
        for name, part in content.items()
        if isinstance(name, str) and (_tensors(part, is_tensor) or "_modules" in getattr(part, "__dict__", {}))
    ]


def bare(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Take off what all names begin with, if it is one of PREFIXES, as often as there is one, in any order."""
    found = dict(tensors)
    while found and (common := [p for p in PREFIXES if all(name.startswith(p) for name in found)]):
        found = {name.removeprefix(common[0]): tensor for name, tensor in found.items()}
    return found


def without_tensors(path: object, under: Iterable[str]) -> str:
    """Say what is the matter with a file in which `unwrapped` finds nothing; under: what `hidden_under` lists."""
    names = list(under)
    looked = f"no tensors inside, nor under {' or '.join(WRAPPERS)}"
    if not names:
        return f"Weights '{path}': {looked}."
    return (
        f"Weights '{path}': {looked}, but there are some under {', '.join(map(repr, names))}. Extract them: "
        f"python -m fpd_bench.tracks convert '{path}' --name {names[0]}"
    )


def _is_dict(content: Mapping[Any, Any], name: str) -> bool:
    return isinstance(content.get(name), Mapping)


def _tensors(content: Any, is_tensor: Callable[[Any], bool]) -> dict[str, Any]:
    if not isinstance(content, Mapping):
        return {}
    return {name: value for name, value in content.items() if isinstance(name, str) and is_tensor(value)}
