"""What a run is called: twelve hex digits over the fields that decide its numbers.

The id covers every semantic field, whether it has its default or not: a changed default must make a new run. A field
that is added later declares `metadata={"since": n, "before": x}` and is left out while it equals x, the behaviour
before it existed, so that old runs keep their ids. Needs no torch.
"""

import hashlib
import json
from typing import Any

from fpd_bench import registry
from fpd_bench.config.fields import EXECUTION, canonical, leaves, value
from fpd_bench.config.schema import RunConfig

CONFIG_SCHEMA = 1
TEACHER = "teacher"  # the method that trains nothing; not a plugin
_SAMPLER = "evaluation.teacher_"  # of the teacher: students are sampled in one step
_GENERATOR = "generator."
_SCORED = ("track.", "method", "seed", "evaluation.split", "evaluation.images_per_prompt", "evaluation.fidelity")
_TEACHER_READS = (*_SCORED, _SAMPLER)
_GENERATOR_READS = (*_SCORED, _GENERATOR)


def trains(config: RunConfig) -> bool:
    """Whether the run trains a student: not for a teacher's own sampler, nor for images from elsewhere."""
    return config.method != TEACHER and not generated(config)


def generated(config: RunConfig) -> bool:
    """Whether the images come from elsewhere: a folder, a pipeline."""
    if config.method == TEACHER or registry.methods.declares(config.method):
        return False  # without a look at other packages, which takes a while
    return registry.generators.declares(config.method) or config.method in registry.generators.known()


def semantic(config: RunConfig) -> dict[str, Any]:
    """{dotted field: value} of all fields that decide the numbers, in canonical form."""
    out, foreign = {}, generated(config)
    for name, field in leaves().items():
        found = value(config, name)
        new = "before" in field.metadata
        if not _read(config.method, foreign, name) or (new and found == canonical(name, field.metadata["before"])):
            continue
        out[name] = found
    return out


def _read(method: str, foreign: bool, name: str) -> bool:
    """Whether the field can change a number: one teacher serves every sweep of a track, however students train."""
    if method == TEACHER:
        return name.startswith(_TEACHER_READS)
    if foreign:
        return name.startswith(_GENERATOR_READS)
    return not name.startswith((f"{EXECUTION}.", _GENERATOR, _SAMPLER))


def plugins(config: RunConfig) -> dict[str, int]:
    """{"kind:name": version} of the plugins that the run uses. Raises UnknownName."""
    used = {"track": (registry.tracks, config.track.name)}
    if generated(config):
        used["generator"] = (registry.generators, config.method)
    elif config.method != TEACHER:
        used |= {
            "method": (registry.methods, config.method),
            "estimator": (registry.estimators, config.estimator),
            "draft": (registry.drafts, config.draft),
            "space": (registry.spaces, config.drift.space),
        }
    return {f"{kind}:{name}": names.version(name) for kind, (names, name) in used.items()}


def run_id(config: RunConfig) -> str:
    """12 hex digits; the same on every machine. Raises UnknownName for a plugin that does not exist."""
    meaning = {"schema": CONFIG_SCHEMA, "semantic": semantic(config), "plugins": plugins(config)}
    # json writes floats by repr, the shortest text that reads back as the same number.
    text = json.dumps(meaning, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
