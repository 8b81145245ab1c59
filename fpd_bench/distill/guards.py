"""What keeps drift losses from dividing by almost nothing: our own guards, and the published Drifting code's."""

from dataclasses import dataclass

AFFINITY_FLOOR = 1e-6  # published, of a squared affinity (drift.floor)
SELF_DISTANCE = 100.0  # published, added between a sample and itself instead of leaving the pair out


@dataclass(frozen=True)
class Guards:
    """Least values. distance: of a pair; scale: of the mean distance, by which distances are divided; unit: of that
    over sqrt(D), by which features are divided; square: of mean V_h^2, whose root is Z_h.

    of_full_field: `square` holds for V_h itself, as published; else for V_h without the factor that the weights of a
    narrow kernel have in common, which Z_h removes: joint weights at h = .02 make V_h^2 as small as 5e-5.
    """

    distance: float
    scale: float
    unit: float
    square: float
    of_full_field: bool


GUARDS = {
    "tiny": Guards(distance=0.0, scale=1e-12, unit=0.0, square=1e-12, of_full_field=False),
    "published": Guards(distance=1e-4, scale=1e-3, unit=1e-3, square=1e-8, of_full_field=True),
}
