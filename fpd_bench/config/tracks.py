"""What a configuration check must know of the track that a run names; from its declaration, without torch."""

from fpd_bench import registry
from fpd_bench.declarations import TrackDeclaration, TrackSizes
from fpd_bench.errors import PluginError, UnknownName

DEFAULT = "default"


def own_preset(name: str, preset: str) -> str:
    """Give a preset's own name: `default` may be another name of one of them (docs/adr/0014)."""
    declared = _declared(name) if preset == DEFAULT else None
    return declared.default if declared else preset


def hashed_preset(name: str, preset: str) -> str:
    """Give what run ids and older records call a preset, which may have been renamed since."""
    own, declared = own_preset(name, preset), _declared(name)
    return declared.hashed_as.get(own, own) if declared else own


def track_sizes(name: str, preset: str) -> TrackSizes | None:
    """Give the sizes of track `name` at `preset`; None for a track that declares none. Raises UnknownName."""
    presets, own = registry.tracks.declaration(name).presets, own_preset(name, preset)
    if not presets:
        return None
    if own not in presets:
        raise UnknownName(f"preset of track {name}", preset, {DEFAULT, *presets})
    sizes: TrackSizes = presets[own]
    return sizes


def tracks_that(part: str) -> list[str]:
    """Name the tracks of this tree whose declaration fills in `part`; those of other packages are not loaded for it."""
    return [name for name in registry.tracks.in_this_tree if getattr(registry.tracks.declaration(name), part)]


def _declared(name: str) -> TrackDeclaration | None:
    """Give a track's declaration; None for an unknown or a broken one, which the check of a configuration reports."""
    try:
        declared: TrackDeclaration = registry.tracks.declaration(name)
    except (UnknownName, PluginError):
        return None
    return declared
