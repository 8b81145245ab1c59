"""What a run is called: twelve hex digits over the fields that decide its numbers, and no others (docs/adr/0008).

A method, and each plugin that it uses, declares what it reads (fpd_bench/registry.py); a field may also say under
which settings it is read at all (knobs.py). All of these are hashed, whether they have their defaults or not: a
changed default must make a new run. A field that is added later declares `before` and is left out while it equals
that, so that old runs keep their ids. Needs no torch.
"""

import hashlib
import json
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from fpd_bench import registry
from fpd_bench.config.fields import EXECUTION, canonical, leaf, leaves, plugin_leaves, value
from fpd_bench.config.knobs import When
from fpd_bench.config.schema import RunConfig
from fpd_bench.config.tracks import hashed_preset
from fpd_bench.declarations import Declaration
from fpd_bench.plugin_loading import Registry

CONFIG_SCHEMA = 2
COMMON = ("track.*", "method", "seed", "evaluation.split", "evaluation.images_per_prompt", "evaluation.fidelity")
# Of a plugin that does not say what it reads: all that can matter to the training of a student.
_NEVER = (f"{EXECUTION}.*", "generator.*", "evaluation.teacher_*")
_SEED = '"seed":null'  # in JSON; within a text the quotes would be escaped


def trains(config: RunConfig) -> bool:
    """Say whether the run trains a student: not for a teacher's own sampler, nor for images from elsewhere."""
    return not generated(config) and bool(registry.methods.declaration(config.method).trains)


def generated(config: RunConfig) -> bool:
    """Say whether the images come from elsewhere: a folder, a pipeline."""
    # First without a look at other packages, which takes a while.
    if config.method in registry.methods.in_this_tree or config.method in registry.generators.in_this_tree:
        return config.method in registry.generators.in_this_tree
    return config.method in registry.generators.known()


def reads(config: RunConfig) -> set[str]:
    """Name the fields that can change a number of this run. Raises UnknownName, PluginError."""
    used = _plugins_used(config)
    patterns = (*COMMON, *(one for plugin in used.values() for one in plugin.reads))
    always, sometimes = _by_condition(patterns)
    names = always.union(name for name, when in sometimes if when.holds(config))
    return set(names).union(*(plugin_leaves(key.partition(":")[2]) for key, plugin in used.items() if plugin.settings))


def is_read(config: RunConfig, name: str) -> bool:
    """Say whether this field can change a number of the run: as `reads`, for one name."""
    if name not in leaves():
        return name in reads(config)
    patterns = (*COMMON, *(one for plugin in _plugins_used(config).values() for one in plugin.reads))
    return name in _fields_matching(patterns) and _applies_to(config, name)


def semantic(config: RunConfig) -> dict[str, Any]:
    """List {dotted field: value} of all fields that decide the numbers, in canonical form and in a fixed order."""
    found = {}
    for name in sorted(reads(config)):
        now, carried = value(config, name), leaf(name).metadata
        if "before" not in carried or now != canonical(name, carried["before"]):
            found[name] = hashed_preset(config.track.name, now) if name == "track.preset" else now
    return found


def plugins(config: RunConfig) -> dict[str, int]:
    """List {"kind:name": version} of the plugins that the run uses. Raises UnknownName, PluginError."""
    # A method without code is no plugin: the teacher's sampler is the track's own.
    return {key: plugin.version for key, plugin in _plugins_used(config).items() if plugin.module}


def run_id(config: RunConfig) -> str:
    """Name a run by 12 hex digits, the same on every machine. Raises UnknownName for a plugin that does not exist."""
    return run_ids(config, [config.seed])[0]


def run_ids(config: RunConfig, seeds: Sequence[int]) -> list[str]:
    """Name the run of each seed; what else decides its numbers is worked out and written once."""
    meaning = {"schema": CONFIG_SCHEMA, "semantic": semantic(config) | {"seed": None}, "plugins": plugins(config)}
    # json writes floats by repr, the shortest text that reads back as the same number.
    text = json.dumps(meaning, sort_keys=True, separators=(",", ":"), allow_nan=False)
    before, after = text.split(_SEED)
    return [_hash(f'{before}"seed":{json.dumps(seed)}{after}') for seed in seeds]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _plugins_used(config: RunConfig) -> dict[str, Declaration]:
    """List the declarations of track and method, and of the plugins in fields that the method reads."""
    way: Registry[Any] = registry.generators if generated(config) else registry.methods
    found = {
        f"track:{config.track.name}": registry.tracks.declaration(config.track.name),
        f"{way.kind}:{config.method}": way.declaration(config.method),
    }
    read = _fields_matching(found[f"{way.kind}:{config.method}"].reads)
    for field, names in registry.AXES.items():
        if field in read and field != "method":
            name = value(config, field)
            found[f"{names.kind}:{name}"] = names.declaration(name)
    return found


@cache
def _fields_matching(patterns: tuple[str, ...]) -> frozenset[str]:
    """Name the leaves that any of the patterns fits."""
    return frozenset(name for name in leaves() if any(_matches(name, pattern) for pattern in patterns))


@cache
def _by_condition(patterns: tuple[str, ...]) -> tuple[frozenset[str], tuple[tuple[str, When], ...]]:
    """Split the leaves that any of the patterns fits into those always read and those read on a condition."""
    whens = {name: leaves()[name].metadata.get("when") for name in _fields_matching(patterns)}
    return (
        frozenset(name for name, when in whens.items() if when is None),
        tuple((name, when) for name, when in sorted(whens.items()) if when is not None),
    )


def _matches(name: str, pattern: str) -> bool:
    if pattern == "*":
        return not any(fnmatchcase(name, never) for never in _NEVER)
    return fnmatchcase(name, pattern)


def _applies_to(config: RunConfig, name: str) -> bool:
    when = leaves()[name].metadata.get("when")
    return when is None or bool(when.holds(config))
