"""The leaves of a RunConfig by dotted name: `drift.bandwidths`, `optim.lr`, ... and what each may hold."""

import dataclasses
import math
from functools import cache
from typing import Any

from fpd_bench.config.presets import PRESETS
from fpd_bench.config.schema import RunConfig
from fpd_bench.errors import ConfigError, UnknownName

EXECUTION = "execution"
NOUNS = {int: "a whole number", float: "a number", str: "a word", bool: "true or false"}


@cache
def leaves() -> dict[str, dataclasses.Field[Any]]:
    """{dotted name: field} in the order of the schema."""
    return dict(_walk(RunConfig, ""))


def _walk(node: Any, prefix: str) -> list[tuple[str, dataclasses.Field[Any]]]:
    found = []
    for field in dataclasses.fields(node):
        if dataclasses.is_dataclass(field.type):
            found += _walk(field.type, f"{prefix}{field.name}.")
        else:
            found.append((prefix + field.name, field))
    return found


def check_name(name: str, where: str = "") -> None:
    """Raises UnknownName unless `name` is a leaf; a branch or a preset is told to name leaves."""
    if name in leaves():
        return
    if name in PRESETS:
        behind = sorted({text.partition("=")[0] for texts in PRESETS[name].values() for text in texts})
        place = f" in {where}" if where else ""
        raise ConfigError(f"'{name}'{place} is a preset and no field; name what it stands for: {', '.join(behind)}.")
    below = [leaf for leaf in leaves() if leaf.startswith(f"{name}.")]
    if below:
        raise ConfigError(f"'{name}' is a group of fields; set them one by one: {', '.join(below)}.")
    raise UnknownName("field", name, [*leaves(), *PRESETS], where)


def value(config: RunConfig, name: str) -> Any:
    """The value of the leaf `name`, in canonical form (see `canonical`)."""
    node: Any = config
    for part in name.split("."):
        node = getattr(node, part)
    return canonical(name, node)


def canonical(name: str, found: Any) -> Any:
    """One form for equal values: numbers of float fields as float, -0.0 as 0.0, sets sorted.

    A value of the wrong type is given back as it is, so that it equals nothing.
    """
    declared = leaves()[name].type
    if isinstance(found, list | tuple):
        items = [_number(item) if declared == list[float] else item for item in found]
        return sorted(set(items)) if name in ("drift.blocks", "drift.bandwidths") else items
    return _number(found) if declared is float else found


def _number(found: Any) -> Any:
    return float(found) + 0.0 if isinstance(found, int | float) and not isinstance(found, bool) else found


def noun(name: str) -> str:
    """What the leaf `name` holds, in words: 'a whole number', 'a list of numbers'."""
    declared: Any = leaves()[name].type
    if declared in NOUNS:
        return NOUNS[declared]
    return {list[int]: "a list of whole numbers", list[float]: "a list of numbers"}.get(declared, str(declared))


def well_typed(name: str, found: Any) -> bool:
    """Whether `found` is of the declared type and, if a number, finite."""
    declared: Any = leaves()[name].type
    if declared in (list[int], list[float]):
        item = int if declared == list[int] else float
        return isinstance(found, list) and all(_is(item, entry) for entry in found)
    return _is(declared, found)


def _is(declared: Any, found: Any) -> bool:
    if isinstance(found, bool) or declared is bool:
        return isinstance(found, bool) and declared is bool
    if declared is float:
        return isinstance(found, int | float) and math.isfinite(found)
    return isinstance(found, declared)
