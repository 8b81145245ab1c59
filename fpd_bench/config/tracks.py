"""What a configuration check must know of each track before any torch is imported.

A contract test compares this table with the tracks themselves.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from fpd_bench.assets import published
from fpd_bench.errors import UnknownName
from fpd_bench.metrics import CLASSES, FIDELITY, GENEVAL, HELDOUT


@dataclass(frozen=True)
class TrackFacts:
    """Sizes of a track at one preset. tokens: L; pixels: image side in px.

    strides: pixels to a feature, of each block that the backbone can be cut at. patch: side of a transformer's patch in
    px, of which an image must be a multiple; 0 for a convolutional backbone.
    """

    tokens: int
    pixels: int
    strides: tuple[int, ...]
    patch: int = 0

    @property
    def blocks(self) -> tuple[int, ...]:
        return tuple(range(len(self.strides)))

    def maps(self, blocks: Iterable[int], side: int = 0) -> dict[int, int]:
        """Map each block to the side of its feature map, for images of `side` px; 0 = the track's own."""
        return {block: -(-(side or self.pixels) // self.strides[block]) for block in blocks}


DEFAULT_WORLD = "plain"  # the preset of track shapes that is also called `default`
_STAGES = (2, 4, 8, 16, 32)  # of the embedded EfficientNet-Lite0
_DINO = (16,) * 12  # DINOv3 ViT-B/16
FACTS: dict[str, dict[str, TrackFacts]] = {
    "shapes": {
        "plain": TrackFacts(16, 32, _STAGES),
        "textured": TrackFacts(16, 32, _STAGES),
        "coarse": TrackFacts(16, 32, _STAGES),
        "large": TrackFacts(36, 48, _STAGES),
        "free": TrackFacts(100, 40, _STAGES),
    },
    "digits": {"default": TrackFacts(16, 32, _STAGES)},
    "maskgen": {"default": TrackFacts(128, 256, _DINO, patch=16)},
    "maskgit": {"default": TrackFacts(256, 256, _DINO, patch=16)},
}
EVALUATIONS = {  # of a track's suites
    "shapes": (GENEVAL,),
    "digits": (CLASSES, FIDELITY, HELDOUT),
    "maskgen": (GENEVAL,),
    "maskgit": (FIDELITY,),
}
PAPER_TRACKS = tuple(published.PUBLISHED)
EMBEDDED = tuple(name for name in FACTS if name not in PAPER_TRACKS)  # whose assets are in the package


def own_world_name(preset: str) -> str:
    """Give the own name of a preset of track shapes: `default` is another name of one of them (docs/adr/0014)."""
    return DEFAULT_WORLD if preset == "default" else preset


def hashed_preset(name: str, preset: str) -> str:
    """Give what run ids and older records call a preset: the plain world was `default` before it had a name."""
    if name != "shapes":
        return preset
    return "default" if own_world_name(preset) == "plain" else own_world_name(preset)


def track_facts(name: str, preset: str) -> TrackFacts | None:
    """Give the sizes of track `name` at `preset`; None for a track of another package. Raises UnknownName."""
    presets = FACTS.get(name)
    if presets is None:
        return None
    own = own_world_name(preset) if name == "shapes" else preset
    if own not in presets:
        raise UnknownName(f"preset of track {name}", preset, {"default", *presets})
    return presets[own]
