"""The fields of a configuration in words: for `sweep --fields` and docs/fields.md, from what they carry (knobs.py)."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from fpd_bench.config.fields import Leaf, leaves, plugin_leaves, type_in_words, value
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


def field_groups() -> dict[str, str]:
    """Map each group of fields to what it is about; '' holds the fields without a group."""
    found = {"": str(RunConfig.__doc__)}
    for field in dataclasses.fields(RunConfig):
        if dataclasses.is_dataclass(field.type):
            found[field.name] = str(field.type.__doc__)
    return found


def describe_fields(group: str | None = None) -> Iterator[Described]:
    """Describe all fields, or those of a group, in the schema's order. Raises UnknownName for a group."""
    if group is not None and group not in field_groups():
        raise UnknownName("group of fields", group, [name for name in field_groups() if name])
    for name, field in leaves().items():
        if group is None or name.rpartition(".")[0] == group:
            default = as_override(value(RunConfig(), name))
            when = field.metadata["when"]
            yield Described(
                name, default, _allowed_values(name, field), field.metadata["says"], when.says if when else ""
            )


def describe_settings(plugin: str) -> Iterator[Described]:
    """Describe the settings of a plugin, `plugin.NAME.FIELD`; nothing for one without. Raises UnknownName."""
    for name, field in plugin_leaves(plugin).items():
        default = as_override(value(RunConfig(), name))
        when = field.metadata["when"]
        yield Described(name, default, _allowed_values(name, field), field.metadata["says"], when.says if when else "")


def list_fields(group: str | None = None) -> str:
    """List all fields, or those of a group, as lines for a terminal."""
    lines = []
    for one in describe_fields(group):
        lines.append(f"{one.name}={one.default}  ({one.holds})")
        lines.append(f"    {one.says}" + (f" [read where {one.when}]" if one.when else ""))
    return "\n".join(lines)


def _allowed_values(name: str, field: Leaf) -> str:
    carried = field.metadata
    if carried["choices"]:
        return ", ".join(as_override(choice) for choice in carried["choices"])
    phrases = [type_in_words(name).removeprefix("a ")]
    phrases += [rule.says for rule in (carried["within"], carried["length"]) if rule]
    return ", ".join(phrases + ([carried["unit"]] if carried["unit"] else []))


def as_override(found: object) -> str:
    """Write a value as an override gives it."""
    if found == "":
        return "''"
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, list):
        return "[" + ",".join(map(as_override, found)) + "]"
    return f"{found:g}" if isinstance(found, float) else str(found)
