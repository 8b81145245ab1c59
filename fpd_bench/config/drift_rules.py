"""Rules between the fields of a drift (Eq. 6-7): who is compared, and on which maps of the backbone. Needs no torch."""

from fpd_bench.config.identity import is_read
from fpd_bench.config.schema import DriftConfig, RunConfig
from fpd_bench.config.tracks import track_sizes
from fpd_bench.errors import ConfigError

BLOCKS = "drift.blocks"  # a space that reads them lifts pictures through a backbone


def check_drift(config: RunConfig) -> None:
    """Raise ConfigError if the drift cannot be computed as written."""
    drift, batch, per_prompt = config.drift, config.optim.batch, config.optim.samples_per_condition
    if drift.positives == "condition" and per_prompt == 1:
        raise ConfigError(
            "drift.positives=condition needs optim.samples_per_condition of 2 or more: with 1 each prompt has "
            "a single draft, which is what drift.positives=own computes."
        )
    alone = per_prompt == 1 or drift.positives == "condition"  # no prompt by itself is compared
    group = batch if alone else per_prompt
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
    _check_space(config)
    _check_layer_weights(config)


def _check_layer_weights(config: RunConfig) -> None:
    weights = config.drift.layer_weights
    sets = len(config.drift.blocks) if is_read(config, BLOCKS) else 1
    if weights and (len(weights) != sets or min(weights) < 0 or max(weights) == 0):
        raise ConfigError(
            f"drift.layer_weights={weights} must be {sets} numbers of 0 or more, not all 0: one for each of "
            f"drift.blocks={config.drift.blocks}. [] = 1 each."
        )


def _check_space(config: RunConfig) -> None:
    """Check the space's fields by what it declares to read: the blocks of a backbone, or the picture itself."""
    if is_read(config, BLOCKS):
        _check_backbone(config)
    else:
        _check_pictures(config)


def _check_pictures(config: RunConfig) -> None:
    drift, default, sizes = config.drift, DriftConfig(), track_sizes(config.track.name, config.track.preset)
    for name in ("resize", "last_norm", "cls"):
        if getattr(drift, name) != getattr(default, name) and not is_read(config, f"drift.{name}"):
            raise ConfigError(
                f"drift.{name}={getattr(drift, name)} makes no difference to drift.space={drift.space}. Leave it out, "
                "or use drift.space=feature."
            )
    if drift.backbone and not is_read(config, "drift.backbone"):
        raise ConfigError(
            f"drift.space={drift.space} uses no backbone; got drift.backbone={drift.backbone}. Leave it out."
        )
    if sizes and drift.grid and sizes.pixels % drift.grid and is_read(config, "drift.grid"):
        side = sizes.pixels
        raise ConfigError(f"drift.grid={drift.grid} does not divide a {side} x {side} image. Choose a divisor, or 0.")


def _check_backbone(config: RunConfig) -> None:
    """Check fields of a backbone against the track's own; runs/execute/backbone_check.py looks at one that is named."""
    drift, sizes = config.drift, track_sizes(config.track.name, config.track.preset)
    if not drift.blocks:
        raise ConfigError(
            f"drift.blocks={drift.blocks} must be one or more numbers of the backbone's blocks, counted from 0."
        )
    if sizes is None or drift.backbone:
        return
    if not set(drift.blocks) <= set(sizes.blocks):
        raise ConfigError(
            f"drift.blocks={drift.blocks} are not blocks of track '{config.track.name}'. Choose one or more of "
            f"{list(sizes.blocks)}."
        )
    if sizes.patch and drift.resize % sizes.patch:
        raise ConfigError(
            f"drift.resize={drift.resize} must be a multiple of {sizes.patch}, the backbone's patch in pixels."
        )
    if not sizes.patch:
        _check_convolutional(drift)
    maps = sizes.maps(drift.blocks, drift.resize)
    uneven = [block for block, side in maps.items() if side % min(drift.grid or 1, side)]
    if uneven and drift.cls != "only":
        side = maps[uneven[0]]
        right = [g for g in range(1, max(maps.values()) + 1) if all(side % min(g, side) == 0 for side in maps.values())]
        raise ConfigError(
            f"drift.grid={drift.grid} does not divide the {side} x {side} map of block {uneven[0]}. For these blocks "
            f"choose 0 or one of {', '.join(map(str, right))}."
        )


def _check_convolutional(drift: DriftConfig) -> None:
    """Refuse the class token and the last norm, which the embedded tracks' own backbone has not."""
    for name, needed in (("cls", "none"), ("last_norm", False)):
        if getattr(drift, name) != needed:
            raise ConfigError(
                f"drift.{name}={getattr(drift, name)} is for transformers, but this track's backbone is "
                "EfficientNet-Lite0. Leave it out, or name a transformer: drift.backbone=vit_... drift.blocks=[...]"
            )
