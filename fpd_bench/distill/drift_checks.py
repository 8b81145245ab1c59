"""Refuse drift settings and feature sizes that Eq. 6-7 cannot work with."""

import math

from torch import Tensor

from fpd_bench.config.fields import choices
from fpd_bench.config.schema import DriftConfig
from fpd_bench.errors import ConfigError, UnknownName

CHOICES = {
    kind: choices(f"drift.{kind}")
    for kind in ("positives", "negatives", "normalise", "scale", "equalise", "combine", "norm", "guards")
}


def check_choices(drift: DriftConfig) -> None:
    for kind, names in CHOICES.items():
        if getattr(drift, kind) not in names:
            raise UnknownName(f"drift.{kind}", getattr(drift, kind), names)
    if not 0 <= drift.floor < 1:
        raise ConfigError(f"drift.floor must lie in [0, 1); got {drift.floor}.")


def check_sizes(student: Tensor, refined: Tensor, drift: DriftConfig, groups: int) -> list[float]:
    """Check the sizes of features and settings; return the bandwidths in ascending order. Raises ConfigError."""
    widths = sorted(float(h) for h in drift.bandwidths)
    if not widths or not all(0 < h < math.inf for h in widths):
        raise ConfigError(f"drift.bandwidths must be one or more finite numbers > 0; got {list(drift.bandwidths)}.")
    if student.ndim != 3 or student.shape != refined.shape:
        raise ConfigError(f"Features must be two equal [B, F, D]; got {list(student.shape)} and {list(refined.shape)}.")
    if groups < 1 or len(student) % groups:
        raise ConfigError(f"A batch of {len(student)} drafts cannot be cut into {groups} equal groups.")
    negatives, positives, shifts = drift.negatives, drift.positives, drift.shifts
    if len(student) == groups and (negatives == "self_masked" or positives == "others"):
        raise ConfigError(
            f"One sample per group leaves nothing to compare with for negatives={negatives}, positives={positives}. "
            "Raise optim.samples_per_condition to 2 or more, or use drift.negatives=roll with drift.positives=all."
        )
    compared = len(student) if positives == "condition" else len(student) // groups
    if shifts and (negatives != "roll" or not 0 < shifts < compared):
        raise ConfigError(
            f"drift.shifts={shifts} needs drift.negatives=roll and must be below {compared}, the number of drafts "
            f"that are compared; got negatives={negatives}. Use 0 for all of them."
        )
    return widths
