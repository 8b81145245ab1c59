"""Words that an override may be: `key=` for every field, `key=value` for what a field may hold. Needs no torch."""

from fpd_bench import registry
from fpd_bench.config.fields import leaf, leaves, plugin_leaves
from fpd_bench.config.named_settings import PRESETS
from fpd_bench.config.sweeps.budget import BUDGETS
from fpd_bench.config.sweeps.sweep_file import DEFAULT_PROFILE, load_yaml
from fpd_bench.config.sweeps.sweep_names import find_sweep
from fpd_bench.config.tracks import DEFAULT
from fpd_bench.errors import FpdError


def field_words() -> list[str]:
    """List `key=` of all fields, presets, and what a sweep sets beside them."""
    own = [name for kind in (*registry.AXES.values(), registry.generators) for name in kind.known()]
    settings = [name for plugin in dict.fromkeys(own) for name in _settings(plugin)]
    return [f"{name}=" for name in ("profile", "seeds", "budget", *leaves(), *PRESETS, *settings)]


def value_words(key: str, file: str | None) -> list[str]:
    """List `key=value` for each value that has a name; [] for numbers. file: the sweep that the line names."""
    if key == "profile":
        return [f"profile={name}" for name in profiles(file)]
    if key == "budget":
        return [f"budget={kind}" for kind in BUDGETS]
    return [f"{key}={value}" for value in _values(key)]


def profiles(file: str | None) -> list[str]:
    """Name the profiles of a sweep or search file; [] for one that cannot be read."""
    try:
        found = load_yaml(find_sweep(file)) if file else None
    except FpdError:
        return []
    named = found.get("profiles") if isinstance(found, dict) else None
    return [str(name) for name in named] if isinstance(named, dict) and named else [DEFAULT_PROFILE]


def _values(key: str) -> list[str]:
    if key == "method":
        return [*registry.methods.known(), *registry.generators.known()]
    if key in registry.AXES:
        return registry.AXES[key].known()
    if key == "track.preset":
        names = (name for track in registry.tracks.known() for name in registry.tracks.declaration(track).presets)
        return list(dict.fromkeys([DEFAULT, *names]))
    if key in PRESETS:
        return [*PRESETS[key]]
    try:
        found = leaf(key)
    except FpdError:  # nothing can be said of a word that is no field
        return []
    return ["true", "false"] if found.type is bool else [*found.metadata["choices"]]


def _settings(plugin: str) -> list[str]:
    try:
        return [*plugin_leaves(plugin)]
    except FpdError:  # a package that is broken: its own command tells
        return []
