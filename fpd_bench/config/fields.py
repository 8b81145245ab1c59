"""The leaves of a RunConfig by dotted name (`drift.bandwidths`, `optim.lr`, `plugin.NAME.FIELD`), what each holds."""

import dataclasses
import math
import pkgutil
from functools import cache
from operator import attrgetter
from typing import Any

from fpd_bench import registry
from fpd_bench.config.named_settings import PRESETS
from fpd_bench.config.schema import RunConfig
from fpd_bench.errors import ConfigError, UnknownName

EXECUTION = "execution"
PLUGIN = "plugin"
NOUNS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "a word",
    bool: "true or false",
    list[int]: "a list of whole numbers",
    list[float]: "a list of numbers",
    list[str]: "a list of words",
}
LIST = "All fields, with their meaning: python -m fpd_bench.sweep --fields"

Leaf = dataclasses.Field[Any]


@cache
def leaves() -> dict[str, Leaf]:
    """List {dotted name: field} in the order of the schema; plugins' own settings are not among them."""
    return dict(_walk_fields(RunConfig, ""))


def _walk_fields(node: Any, prefix: str) -> list[tuple[str, Leaf]]:
    found = []
    for field in dataclasses.fields(node):
        if dataclasses.is_dataclass(field.type):
            found += _walk_fields(field.type, f"{prefix}{field.name}.")
        elif field.name != PLUGIN or prefix:
            found.append((prefix + field.name, field))
    return found


@cache
def settings_of(name: str) -> type | None:
    """Give the dataclass of a plugin's own settings; None if it has none. Raises UnknownName, PluginError."""
    registries_here = [kind for kind in (*registry.AXES.values(), registry.generators) if name in kind.known()]
    if not registries_here:
        everyone = {one for kind in registry.AXES.values() for one in kind.known()}
        raise UnknownName("plugin", name, everyone)
    found = (kind.declaration(name).settings for kind in registries_here)
    settings = next((settings for settings in found if settings is not None), None)
    return pkgutil.resolve_name(settings) if isinstance(settings, str) else settings


@cache
def plugin_leaves(name: str) -> dict[str, Leaf]:
    """List {`plugin.NAME.FIELD`: field} of a plugin's own settings. Raises UnknownName, PluginError."""
    settings: Any = settings_of(name)
    return {f"{PLUGIN}.{name}.{field.name}": field for field in dataclasses.fields(settings)} if settings else {}


def leaf(name: str) -> Leaf:
    """Give the field called `name`. Raises UnknownName."""
    known = leaves()
    if name in known:
        return known[name]
    check_name(name)
    return plugin_leaves(name.split(".")[1])[name]


def choices(name: str) -> tuple[str, ...]:
    """List the words that the leaf `name` may hold; () if any."""
    found: tuple[str, ...] = leaf(name).metadata["choices"]
    return found


def check_name(name: str, where: str = "") -> None:
    """Raise UnknownName unless `name` is a leaf; a branch or a preset is told to name leaves."""
    if name in leaves():
        return
    if name in PRESETS:
        behind = sorted({text.partition("=")[0] for texts in PRESETS[name].values() for text in texts})
        place = f" in {where}" if where else ""
        raise ConfigError(
            f"'{name}'{place} is a preset, not a field. Set one of the fields that it stands for: {', '.join(behind)}."
        )
    known = [*leaves(), *PRESETS]
    head, _, rest = name.partition(".")
    if head == PLUGIN and rest.count(".") == 1:
        known = [*plugin_leaves(rest.partition(".")[0])]
        if name in known:
            return
    below = [one for one in known if one.startswith(f"{name}.")]
    if below:
        raise ConfigError(f"'{name}' is a group of fields; set them one by one: {', '.join(below)}.")
    raise UnknownName("field", name, known, where, LIST)


def own_settings(config: RunConfig, name: str) -> Any:
    """Give a plugin's own settings in this configuration, with their defaults; None for a plugin without any."""
    settings: Any = settings_of(name)
    return config.plugin.get(name) or (settings() if settings else None)


def value(config: RunConfig, name: str) -> Any:
    """Give the value of the leaf `name`, in canonical form (see `canonical`)."""
    if name.startswith(f"{PLUGIN}."):
        _, plugin, field = name.split(".")
        return canonical(name, getattr(own_settings(config, plugin), field))
    return canonical(name, _getter(name)(config))


def holds_as_is(config: RunConfig, name: str, wanted: Any) -> bool:
    """Say whether the leaf `name` of the schema has a value and its type, as it stands there: much quicker than
    `value`.
    """
    found = _getter(name)(config)
    return type(found) is type(wanted) and bool(found == wanted)


_getter = cache(attrgetter)  # made anew it takes as long as all the rest


def assign(config: RunConfig, name: str, found: Any) -> None:
    """Set the leaf `name` of a configuration, in canonical form."""
    *groups, field = name.split(".")
    node: Any = config
    if groups[:1] == [PLUGIN]:
        settings: Any = settings_of(groups[1])
        node = config.plugin.setdefault(groups[1], settings())
    else:
        for group in groups:
            node = getattr(node, group)
    setattr(node, field, canonical(name, found))


def canonical(name: str, found: Any) -> Any:
    """Bring equal values into one form: numbers of float fields as float, -0.0 as 0.0, sets sorted.

    A value of the wrong type is given back as it is, so that it equals nothing.
    """
    exact = type(found)  # isinstance takes longer, and an index of thousands of runs asks a hundred times for each
    if exact is str or exact is bool:
        return found
    declared = leaf(name)
    if exact is float or exact is int:
        return found + 0.0 if declared.type is float else found
    if isinstance(found, list | tuple):
        items = [_number(item) if declared.type == list[float] else item for item in found]
        return sorted(set(items)) if declared.metadata.get("is_set") and well_typed(name, items) else items
    return _number(found) if declared.type is float else found


def _number(found: Any) -> Any:
    return float(found) + 0.0 if isinstance(found, int | float) and not isinstance(found, bool) else found


def type_in_words(name: str) -> str:
    """Name what the leaf `name` holds: 'a whole number', 'a list of numbers'."""
    declared: Any = leaf(name).type
    return NOUNS.get(declared, str(declared))


def well_typed(name: str, found: Any) -> bool:
    """Say whether `found` is of the declared type and, if a number, finite."""
    declared: Any = leaf(name).type
    if declared in (list[int], list[float], list[str]):
        item = declared.__args__[0]
        return isinstance(found, list) and all(_is_of_type(item, entry) for entry in found)
    return _is_of_type(declared, found)


def _is_of_type(declared: Any, found: Any) -> bool:
    if isinstance(found, bool) or declared is bool:
        return isinstance(found, bool) and declared is bool
    if declared is float:
        return isinstance(found, int | float) and math.isfinite(found)
    return isinstance(found, declared)
