"""Everything that can be known to be wrong with a configuration before work starts; looks at no file, needs no torch.

`check` raises ConfigError (or UnknownName) with the field, its value and what is valid instead. Types, choices and
ranges are those of the schema's fields; what is left here are rules between several fields. A rule applies where the
run reads its fields.
"""

import re

from fpd_bench import registry
from fpd_bench.config.drift_rules import check_drift
from fpd_bench.config.fields import (
    PLUGIN,
    Leaf,
    holds_as_is,
    leaf,
    leaves,
    plugin_leaves,
    settings_of,
    type_in_words,
    value,
    well_typed,
)
from fpd_bench.config.generator_rules import check_generator
from fpd_bench.config.identity import generated, reads, trains
from fpd_bench.config.schema import EvaluationConfig, RunConfig, StartConfig
from fpd_bench.config.tracks import track_sizes, tracks_that
from fpd_bench.errors import ConfigError, UnknownName

_DEFAULTS = {name: value(RunConfig(), name) for name in leaves()}
SAMPLER = ("teacher_guidance", "teacher_ramp", "teacher_noise", "teacher_schedule")


def check(config: RunConfig) -> None:
    """Raise ConfigError if this run cannot be carried out as written."""
    for name, field in _all_leaves(config).items():
        if name not in _DEFAULTS or not holds_as_is(config, name, _DEFAULTS[name]):  # defaults are right
            _check_value(name, field, value(config, name))
    _check_plugins(config)
    track_sizes(config.track.name, config.track.preset)
    read = reads(config)
    for name in read:
        _check_length(name, leaf(name), config)
    _check_plugin_settings(config, read)
    _check_device(config)
    _check_sampler(config)
    if generated(config):
        check_generator(config)
    if trains(config):
        _check_batch(config)
        _check_refinement(config, read)
        _check_student_steps(config)
    if "drift.space" in read:
        check_drift(config)
    _check_refusals(config, read)


def _all_leaves(config: RunConfig) -> dict[str, Leaf]:
    own = [plugin_leaves(name) for name in config.plugin]
    return {**leaves(), **{name: field for fields in own for name, field in fields.items()}}


def _check_value(name: str, field: Leaf, found: object) -> None:
    """Hold a value against what its field declares: type, choices, range."""
    if not well_typed(name, found):
        raise ConfigError(f"{name} must be {type_in_words(name)}; got {found!r}.")
    choices, within = field.metadata.get("choices") or (), field.metadata.get("within")
    for word in found if isinstance(found, list) else [found]:
        if choices and word not in choices:
            raise UnknownName(name, str(word), choices)
    numbers = found if isinstance(found, list) else [found]
    if within and not all(within.holds(number) for number in numbers):
        raise ConfigError(f"{name} must be {within.says}; got {found}.")


def _check_length(name: str, field: Leaf, config: RunConfig) -> None:
    """Hold a list that the run reads against the length that its field declares."""
    length = field.metadata.get("length")
    found = value(config, name) if length else None
    if length and isinstance(found, list) and not length.holds(len(found)):
        raise ConfigError(f"{name} must be {type_in_words(name)}, {length.says}; got {found}.")


def _check_plugins(config: RunConfig) -> None:
    registry.tracks.check(config.track.name, "track.name")
    if not generated(config) and config.method not in registry.methods.in_this_tree:
        ways = {*registry.methods.known(), *registry.generators.known()}
        if config.method not in ways:
            raise UnknownName("method", config.method, ways)
    registry.estimators.check(config.estimator)
    registry.drafts.check(config.draft)
    registry.spaces.check(config.drift.space, "drift.space")


def _check_plugin_settings(config: RunConfig, read: set[str]) -> None:
    """Refuse settings of a plugin that the run does not use: they would change nothing."""
    used = {value(config, name) for name in registry.AXES if name in read}
    for name in config.plugin:
        if settings_of(name) is None or name not in used:
            raise ConfigError(
                f"This run does not use '{name}', so {PLUGIN}.{name}.* makes no difference. Leave it out."
            )


def _check_refusals(config: RunConfig, read: set[str]) -> None:
    """Refuse what the run's own plugins say that they cannot do."""
    for field, names in registry.AXES.items():
        if field not in read or (field == "method" and generated(config)):
            continue
        plugin = names.declaration(value(config, field))
        for refusal in plugin.refuses:
            if all(value(config, name) in values for name, values in refusal.where.items()):
                given = ", ".join(f"{name}={value(config, name)}" for name in refusal.where)
                raise ConfigError(f"{names.kind} '{value(config, field)}' cannot be used with {given}: {refusal.why}.")


def _check_device(config: RunConfig) -> None:
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", config.execution.device):
        raise ConfigError(f"execution.device must be cpu, cuda, cuda:N or mps; got '{config.execution.device}'.")


def _check_sampler(config: RunConfig) -> None:
    default = EvaluationConfig()
    changed = [name for name in SAMPLER if getattr(config.evaluation, name) != getattr(default, name)]
    taken = registry.tracks.declaration(config.track.name).sampler
    strange = [name for name in changed if name not in taken]
    if strange:
        others = ", ".join(
            one for one in tracks_that("sampler") if strange[0] in registry.tracks.declaration(one).sampler
        )
        raise ConfigError(
            f"evaluation.{strange[0]} is a setting of the samplers of {others}; track "
            f"'{config.track.name}' has another sampler. Leave it out."
        )


def _check_batch(config: RunConfig) -> None:
    optim, execution = config.optim, config.execution
    if optim.batch % optim.samples_per_condition:
        raise ConfigError(
            f"optim.batch={optim.batch} must be a multiple of "
            f"optim.samples_per_condition={optim.samples_per_condition}. Change one of the two."
        )
    if execution.micro_batch > optim.batch:
        raise ConfigError(
            f"execution.micro_batch={execution.micro_batch} must not exceed optim.batch={optim.batch}. Write 0 "
            "to compute the whole batch at once."
        )
    if optim.batch % execution.processes:
        raise ConfigError(
            f"optim.batch={optim.batch} must be a multiple of execution.processes={execution.processes}, so that "
            "each process computes an equal share."
        )
    if execution.processes == 1:
        return
    if not registry.methods.declaration(config.method).data_parallel:
        raise ConfigError(f"method={config.method} cannot share a batch among processes. Use execution.processes=1.")
    if execution.device not in ("cpu", "cuda"):
        raise ConfigError(
            f"With execution.processes={execution.processes} each process takes a GPU of its own: write "
            f"execution.device=cuda (or cpu), without a number; got '{execution.device}'."
        )


def _check_student_steps(config: RunConfig) -> None:
    """Refuse ways to draw that the teacher's sampler does not have."""
    steps, start = config.evaluation.student_steps, config.start
    changed = [name for name in ("sampling", "top_k", "top_p") if getattr(start, name) != getattr(StartConfig(), name)]
    if steps > 1 and changed:
        raise ConfigError(
            f"With evaluation.student_steps={steps} a student is sampled by the teacher's sampler, which does "
            f"not know start.{changed[0]}. Leave it out, or use evaluation.student_steps=1."
        )


def _check_refinement(config: RunConfig, read: set[str]) -> None:
    refine, sizes = config.refine, track_sizes(config.track.name, config.track.preset)
    if "refine.low" in read and refine.low > refine.high:
        raise ConfigError(f"refine.low={refine.low} must not be above refine.high={refine.high}.")
    if sizes and "start.r_init" in read and round(config.start.r_init * sizes.tokens) < 1:
        raise ConfigError(
            f"start.r_init={config.start.r_init} masks none of the {sizes.tokens} tokens of track "
            f"'{config.track.name}'. Use {1 / sizes.tokens:g} or more."
        )
