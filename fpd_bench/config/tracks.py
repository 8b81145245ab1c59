"""What a configuration check must know of each track before any torch is imported.

A contract test compares this table with the tracks themselves.
"""

from dataclasses import dataclass

from fpd_bench.errors import ConfigError, UnknownName


@dataclass(frozen=True)
class TrackFacts:
    """Sizes of a track at one preset. tokens: L; pixels: image side in px; blocks: what the backbone can be cut at."""

    tokens: int
    pixels: int
    blocks: tuple[int, ...]


_STAGES = (0, 1, 2, 3, 4)  # of the embedded EfficientNet-Lite0
FACTS: dict[str, dict[str, TrackFacts]] = {
    "shapes": {
        "coarse": TrackFacts(16, 32, _STAGES),
        "default": TrackFacts(16, 32, _STAGES),
        "large": TrackFacts(36, 48, _STAGES),
    },
}
PAPER_TRACKS = ("maskgen", "maskgit")


def refuse_unavailable(name: str, profile: str = "") -> None:
    """Raises ConfigError for the paper's own tracks, which need weights that are not built in."""
    if name in PAPER_TRACKS:
        asked = f"profile={profile} needs track '{name}'" if profile else f"track.name={name} needs track '{name}'"
        raise ConfigError(f"{asked}, which is not available yet. Available: {', '.join(FACTS)}.")


def facts(name: str, preset: str) -> TrackFacts | None:
    """The sizes of track `name` at `preset`; None for a track of another package. Raises UnknownName."""
    presets = FACTS.get(name)
    if presets is None:
        return None
    if preset not in presets:
        raise UnknownName(f"preset of track {name}", preset, presets)
    return presets[preset]
