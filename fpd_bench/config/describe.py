"""The fields of a configuration in words: for `sweep --fields` and docs/fields.md, from what they carry (knobs.py)."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from fpd_bench.config.fields import Leaf, leaves, noun, value
from fpd_bench.config.schema import RunConfig
from fpd_bench.errors import UnknownName


@dataclass(frozen=True)
class Described:
    """A field in words. holds: its type, choices, range and unit; when: which runs read it, '' = all of its method."""

    name: str
    default: str
    holds: str
    says: str
    when: str


def groups() -> dict[str, str]:
    """Map each group of fields to what it is about; '' holds the fields without a group."""
    found = {"": str(RunConfig.__doc__)}
    for field in dataclasses.fields(RunConfig):
        if dataclasses.is_dataclass(field.type):
            found[field.name] = str(field.type.__doc__)
    return found


def described(group: str | None = None) -> Iterator[Described]:
    """Describe all fields, or those of a group, in the schema's order. Raises UnknownName for a group."""
    if group is not None and group not in groups():
        raise UnknownName("group of fields", group, [name for name in groups() if name])
    for name, field in leaves().items():
        if group is None or name.rpartition(".")[0] == group:
            default = _written(value(RunConfig(), name))
            when = field.metadata["when"]
            yield Described(name, default, _holds(name, field), field.metadata["says"], when.says if when else "")


def listing(group: str | None = None) -> str:
    """List all fields, or those of a group, as lines for a terminal."""
    lines = []
    for one in described(group):
        lines.append(f"{one.name}={one.default}  ({one.holds})")
        lines.append(f"    {one.says}" + (f" [read where {one.when}]" if one.when else ""))
    return "\n".join(lines)


def _holds(name: str, field: Leaf) -> str:
    carried = field.metadata
    if carried["choices"]:
        return ", ".join(_written(choice) for choice in carried["choices"])
    parts = [noun(name).removeprefix("a ")]
    parts += [rule.says for rule in (carried["within"], carried["length"]) if rule]
    return ", ".join(parts + ([carried["unit"]] if carried["unit"] else []))


def _written(found: object) -> str:
    """Write a value as an override gives it."""
    if found == "":
        return "''"
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, list):
        return "[" + ",".join(map(_written, found)) + "]"
    return f"{found:g}" if isinstance(found, float) else str(found)
