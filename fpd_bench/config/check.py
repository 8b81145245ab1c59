"""Everything that can be known to be wrong with a configuration before work starts; needs no torch.

`check` raises ConfigError (or UnknownName) with the field, its value and what is valid instead.
"""

import re
from collections.abc import Callable

from fpd_bench import registry
from fpd_bench.assets import published
from fpd_bench.config.fidelity_files import require_fidelity
from fpd_bench.config.fields import leaves, noun, value, well_typed
from fpd_bench.config.generators import check_generator
from fpd_bench.config.identity import TEACHER, generated, trains
from fpd_bench.config.schema import DriftConfig, EvaluationConfig, RunConfig
from fpd_bench.config.tracks import PAPER_TRACKS, facts, refuse_unavailable, refuse_without_data
from fpd_bench.errors import ConfigError, UnknownName

CHOICES = {
    "start.sampling": ("categorical", "gumbel", "argmax"),
    "refine.sampling": ("gumbel", "categorical"),
    "refine.ratio": ("uniform", "arccos", "cosine"),
    "drift.positives": ("all", "others", "own", "condition"),
    "drift.negatives": ("self_masked", "roll"),
    "drift.normalise": ("joint", "separate", "row_only", "sinkhorn"),
    "drift.scale": ("layer", "position", "running", "none"),
    "drift.equalise": ("layer", "position", "running", "none"),
    "drift.combine": ("losses", "fields"),
    "drift.layers": ("sum", "mean"),
    "drift.norm": ("mean", "sum"),
    "drift.cls": ("none", "only", "also"),
    "gan.discriminator": ("light", "projected"),
    "optim.schedule": ("constant", "cosine"),
    "optim.precision": ("fp32", "bf16"),
    "evaluation.split": ("test", "validation"),
    "evaluation.weights": ("ema", "raw"),
    "evaluation.teacher_schedule": ("", "arccos", "cosine", "linear", "root", "square"),
    "evaluation.fidelity": ("", "adm", "lite0"),
}

SAMPLER = ("teacher_guidance", "teacher_ramp", "teacher_noise", "teacher_schedule")

# field: (is it right?, what is right)
Rule = tuple[Callable[[float], bool], str]
POSITIVE: Rule = (lambda x: x > 0, "more than 0")
NOT_NEGATIVE: Rule = (lambda x: x >= 0, "0 or more")
AS_PUBLISHED: Rule = (lambda x: x >= 0 or x == -1, "0 or more, or -1 for the published value")
COUNT: Rule = (lambda x: x >= 1, "1 or more")
FRACTION: Rule = (lambda x: 0 <= x <= 1, "in [0, 1]")
SHARE: Rule = (lambda x: 0 < x <= 1, "in (0, 1]")
DECAY: Rule = (lambda x: 0 <= x < 1, "in [0, 1)")
RANGES: dict[str, Rule] = {
    "seed": NOT_NEGATIVE,
    "start.r_init": SHARE,
    "start.temperature": POSITIVE,
    "start.embedding_noise": DECAY,
    "start.top_k": NOT_NEGATIVE,
    "start.top_p": SHARE,
    "refine.low": SHARE,
    "refine.high": SHARE,
    "refine.guidance": NOT_NEGATIVE,
    "refine.temperature": NOT_NEGATIVE,
    "refine.confident": SHARE,
    "drift.grid": NOT_NEGATIVE,
    "drift.floor": DECAY,
    "drift.repulsion": NOT_NEGATIVE,
    "drift.samples_per_condition": COUNT,
    "drift.shifts": NOT_NEGATIVE,
    "drift.memory": (lambda x: 0 <= x <= 65536, "0 to 65536"),
    "drift.resize": NOT_NEGATIVE,
    "gan.weight": NOT_NEGATIVE,
    "gan.lr": POSITIVE,
    "gan.blur_sigma": NOT_NEGATIVE,
    "gan.blur_fraction": FRACTION,
    "gan.updates": COUNT,
    "dimo.aux_lr": POSITIVE,
    "optim.steps": COUNT,
    "optim.batch": COUNT,
    "optim.lr": POSITIVE,
    "optim.warmup": NOT_NEGATIVE,
    "optim.weight_decay": NOT_NEGATIVE,
    "optim.clip": NOT_NEGATIVE,
    "optim.ema": DECAY,
    "evaluation.images_per_prompt": COUNT,
    "evaluation.teacher_steps": COUNT,
    "evaluation.teacher_guidance": AS_PUBLISHED,
    "evaluation.teacher_noise": AS_PUBLISHED,
    "generator.steps": NOT_NEGATIVE,
    "generator.guidance": (lambda x: x >= 0 or x == -1, "0 or more, or -1 for the pipeline's own"),
    "generator.size": NOT_NEGATIVE,
    "generator.noise_scale": NOT_NEGATIVE,
    "execution.threads": COUNT,
    "execution.processes": COUNT,
    "execution.micro_batch": NOT_NEGATIVE,
    "execution.log_every": COUNT,
    "execution.grid_every": NOT_NEGATIVE,
    "execution.checkpoint_every": NOT_NEGATIVE,
}


def check(config: RunConfig, here: bool = True) -> None:
    """Raises ConfigError if this run cannot be carried out as written.

    here: it is to be made on this machine, so weights and data it reads must be there; a report needs none.
    """
    _types(config)
    _names(config, here)
    _ranges(config)
    _optimiser(config)
    _sampler(config)
    if trains(config):
        _refinement(config)
        _ranks(config)
    if config.method == "fpd":
        _drift(config)
    if here:
        _adversary(config)
        require_fidelity(config)
        adversary, fidelity = config.method == "fpd" and config.gan.weight > 0, not config.evaluation.fidelity
        refuse_without_data(config.track.name, trains(config), adversary, fidelity)


def _types(config: RunConfig) -> None:
    for name in leaves():
        found = value(config, name)
        if not well_typed(name, found):
            raise ConfigError(f"{name} must be {noun(name)}; got {found!r}.")


def _names(config: RunConfig, here: bool) -> None:
    if generated(config):
        check_generator(config, here)
    elif here:
        refuse_unavailable(config.track.name)
    registry.tracks.check(config.track.name, "track.name")
    facts(config.track.name, config.track.preset)
    methods = {*registry.methods.known(), *registry.generators.known(), TEACHER}
    if config.method not in methods:
        raise UnknownName("method", config.method, methods)
    registry.estimators.check(config.estimator)
    registry.drafts.check(config.draft)
    registry.spaces.check(config.drift.space, "drift.space")
    for name, known in CHOICES.items():
        if value(config, name) not in known:
            raise UnknownName(name, value(config, name), known)


def _ranges(config: RunConfig) -> None:
    for name, (right, words) in RANGES.items():
        if not right(value(config, name)):
            raise ConfigError(f"{name} must be {words}; got {value(config, name)}.")


def _optimiser(config: RunConfig) -> None:
    optim, batch = config.optim, config.optim.batch
    if len(optim.betas) != 2 or not all(0 <= beta < 1 for beta in optim.betas):
        raise ConfigError(f"optim.betas must be two numbers in [0, 1); got {optim.betas}.")
    if trains(config) and config.execution.micro_batch > batch:
        raise ConfigError(
            f"execution.micro_batch={config.execution.micro_batch} exceeds optim.batch={batch}. 0 = whole."
        )
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", config.execution.device):
        raise ConfigError(f"execution.device must be cpu, cuda, cuda:N or mps; got '{config.execution.device}'.")


def _sampler(config: RunConfig) -> None:
    default = EvaluationConfig()
    changed = [name for name in SAMPLER if getattr(config.evaluation, name) != getattr(default, name)]
    if changed and config.track.name not in PAPER_TRACKS:
        raise ConfigError(
            f"evaluation.{changed[0]} is a setting of the published samplers ({', '.join(PAPER_TRACKS)}); track "
            f"'{config.track.name}' has its own. Leave it out."
        )


def judged_by_file(config: RunConfig) -> bool:
    """Whether the discriminator's own published weights are needed."""
    return config.method == "fpd" and config.gan.weight > 0 and config.gan.discriminator == "projected"


def _adversary(config: RunConfig) -> None:
    if judged_by_file(config):
        published.discriminator_file()


def _ranks(config: RunConfig) -> None:
    processes, batch = config.execution.processes, config.optim.batch
    if batch % processes:
        raise ConfigError(f"execution.processes={processes} cannot share optim.batch={batch} equally.")
    if processes > 1 and config.execution.device not in ("cpu", "cuda"):
        raise ConfigError(
            f"execution.processes={processes} deal out the GPUs themselves: write execution.device=cuda (or cpu); got "
            f"'{config.execution.device}'."
        )


def _refinement(config: RunConfig) -> None:
    refine, sizes = config.refine, facts(config.track.name, config.track.preset)
    if refine.low > refine.high:
        raise ConfigError(f"refine.low={refine.low} is above refine.high={refine.high}.")
    if sizes and round(config.start.r_init * sizes.tokens) < 1:
        raise ConfigError(
            f"start.r_init={config.start.r_init} masks none of the {sizes.tokens} tokens of track "
            f"'{config.track.name}'. Use {1 / sizes.tokens:g} or more."
        )


def _drift(config: RunConfig) -> None:
    drift, batch = config.drift, config.optim.batch
    if not drift.bandwidths or min(drift.bandwidths) <= 0:
        raise ConfigError(f"drift.bandwidths must be one or more numbers above 0; got {drift.bandwidths}.")
    if batch % drift.samples_per_condition:
        raise ConfigError(
            f"drift.samples_per_condition={drift.samples_per_condition} does not divide optim.batch={batch}."
        )
    if drift.positives == "condition" and drift.samples_per_condition == 1:
        raise ConfigError(
            "drift.positives=condition needs drift.samples_per_condition of 2 or more: with 1, a draft is alone with "
            "its prompt, which is drift.positives=own."
        )
    alone = drift.samples_per_condition == 1 or drift.positives == "condition"  # no prompt by itself is compared
    group = batch if alone else drift.samples_per_condition
    if group < 2 and (drift.negatives == "self_masked" or drift.positives == "others"):
        raise ConfigError(
            f"drift.negatives={drift.negatives}, drift.positives={drift.positives} need 2 or more drafts to compare; "
            f"got optim.batch={batch}. Raise optim.batch, or use drift.negatives=roll drift.positives=all."
        )
    if drift.shifts and (drift.negatives != "roll" or drift.shifts >= group):
        raise ConfigError(
            f"drift.shifts={drift.shifts} needs drift.negatives=roll (got {drift.negatives}) and fewer shifts than the "
            f"{group} drafts that are compared. 0 = all of them."
        )
    _space(config)
    _layer_weights(config)


def _layer_weights(config: RunConfig) -> None:
    weights, sets = config.drift.layer_weights, len(config.drift.blocks) or 1
    if weights and (len(weights) != sets or min(weights) < 0 or max(weights) == 0):
        raise ConfigError(
            f"drift.layer_weights={weights} must be {sets} numbers of 0 or more, not all 0: one for each of "
            f"drift.blocks={config.drift.blocks}. [] = 1 each."
        )


def _space(config: RunConfig) -> None:
    if config.drift.space == "pixel":
        _pixels(config)
    if config.drift.space == "feature":
        _features(config)


def _pixels(config: RunConfig) -> None:
    drift, default, sizes = config.drift, DriftConfig(), facts(config.track.name, config.track.preset)
    for name in ("resize", "last_norm", "cls"):
        if getattr(drift, name) != getattr(default, name):
            raise ConfigError(f"drift.{name}={getattr(drift, name)} is of drift.space=feature; pixels have none.")
    if drift.backbone:
        raise ConfigError(f"drift.space=pixel has no backbone; got drift.backbone={drift.backbone}.")
    if drift.blocks:
        raise ConfigError(f"drift.space=pixel has no blocks; got drift.blocks={drift.blocks}. Write drift.blocks=[].")
    if sizes and drift.grid and sizes.pixels % drift.grid:
        side = sizes.pixels
        raise ConfigError(f"drift.grid={drift.grid} does not divide a {side} x {side} image. Choose a divisor, or 0.")


def _features(config: RunConfig) -> None:
    """What is known of the track's own backbone; one that is named is looked at by runs/execute/backbone_check.py."""
    drift, sizes = config.drift, facts(config.track.name, config.track.preset)
    if not drift.blocks:
        raise ConfigError(f"drift.blocks={drift.blocks} are not blocks of a backbone. Name one or more blocks.")
    if sizes is None or drift.backbone:
        return
    if not set(drift.blocks) <= set(sizes.blocks):
        raise ConfigError(
            f"drift.blocks={drift.blocks} are not blocks of track '{config.track.name}'. Choose one or more of "
            f"{list(sizes.blocks)}."
        )
    if sizes.patch and drift.resize % sizes.patch:
        raise ConfigError(f"drift.resize={drift.resize} must be a multiple of {sizes.patch}, the patch of Phi in px.")
    if not sizes.patch:
        _convolutional(drift)
    maps = sizes.maps(drift.blocks, drift.resize)
    uneven = [block for block, side in maps.items() if side % min(drift.grid or 1, side)]
    if uneven and drift.cls != "only":
        side = maps[uneven[0]]
        right = [g for g in range(1, max(maps.values()) + 1) if all(side % min(g, side) == 0 for side in maps.values())]
        raise ConfigError(
            f"drift.grid={drift.grid} does not divide the {side} x {side} map of block {uneven[0]}. For these blocks "
            f"choose 0 or one of {', '.join(map(str, right))}."
        )


def _convolutional(drift: DriftConfig) -> None:
    """The embedded tracks' own backbone has neither a class token nor a last norm."""
    for name, needed in (("cls", "none"), ("last_norm", False)):
        if getattr(drift, name) != needed:
            raise ConfigError(
                f"drift.{name}={getattr(drift, name)} is for transformers; this track's backbone is EfficientNet-Lite0."
                " Name one (drift.backbone=vit_..., drift.blocks=[...]), or leave it out."
            )
