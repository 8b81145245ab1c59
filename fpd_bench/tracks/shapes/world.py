"""The aligned world of coloured shapes: which scenes exist, drawn straight as grids of tokens.

An object covers 2 x 2 tokens and sits on the token grid (or half of it), so every scene is a grid of codes: code 0 is
background, code 1 + 4 (shape * n_colours + colour) + q is quarter q (row-major) of that object. What is left to learn
is the joint structure across tokens: which object, which colour, where.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from fpd_bench.config.tracks import own_preset
from fpd_bench.errors import UnknownName


@dataclass(frozen=True)
class WorldPreset:
    """A size of the world. side: tokens per image side; patch: pixels per token side."""

    shapes: tuple[str, ...]
    colours: tuple[str, ...]
    side: int
    patch: int = 8
    step: int = 2  # tokens between neighbouring places of an object; 2 = places tile the image, 1 = they overlap
    free_colours: bool = True  # unnamed colours are uniform; False: every shape has a usual one (docs/dynamics.md)
    radius: float = 7.0  # px, of an object inside its 2 x 2 tokens
    background: int = 250  # constant, so that scenes are exact grids of codes; why not grey: docs/dynamics.md
    learnt: int = 0  # codes learnt by k-means for objects at any pixel (free.py); 0 = objects on the token grid
    textures: int = 1  # near-synonymous codes of every patch (textures.py); 1 = a code for each patch
    amplitude: float = 0.0  # of a texture, the contrast of the plain world being 1
    agree: str = "object"  # what shares a texture: token | object (and the background) | image
    guidance: float = 2.0  # of the teacher's own sampler, as its noise chosen on validation prompts
    confidence_noise: float = 4.5

    @property
    def tokens(self) -> int:
        return self.side**2

    @property
    def codes(self) -> int:
        return self.textures * self.patches

    @property
    def patches(self) -> int:
        """Return the number of patches that show different things: codes of the plain world."""
        return self.learnt or 1 + 4 * len(self.shapes) * len(self.colours)

    @property
    def box(self) -> int:
        """Return the side of the square that an object has to itself, px."""
        return 2 * math.ceil(self.radius + 0.5)

    @property
    def extent(self) -> int:
        """Return the same side in units of a place: pixels if objects are placed freely, else tokens."""
        return self.box if self.learnt else 2

    @property
    def pixels(self) -> int:
        return self.side * self.patch


_SHAPES = ("circle", "square", "triangle", "cross", "ring", "star", "hourglass", "heart")
_COLOURS = ("red", "yellow", "green", "blue", "black", "purple", "pink", "brown")
_PLAIN = WorldPreset(_SHAPES[:6], _COLOURS[:6], side=4, free_colours=False)
PRESETS = {
    "plain": _PLAIN,
    "textured": replace(_PLAIN, textures=4, amplitude=0.5, guidance=1.0, confidence_noise=2.0),
    "scattered": replace(_PLAIN, textures=4, amplitude=0.5, agree="token"),
    "coarse": WorldPreset(_SHAPES[:5], _COLOURS[:6], side=4, step=1),
    "large": WorldPreset(_SHAPES, _COLOURS, side=6),
    "free": WorldPreset(_SHAPES[:6], _COLOURS[:6], side=10, patch=4, free_colours=False, learnt=512),
}


def preset(name: str) -> WorldPreset:
    """Return the preset called `name`, or by its other name `default`. Raises UnknownName."""
    name = own_preset("shapes", name)
    if name not in PRESETS:
        raise UnknownName("preset of track shapes", name, ["default", *PRESETS])
    return PRESETS[name]


@dataclass(frozen=True)
class Thing:
    """One object: indices into the preset's shapes and colours, and its top-left token or, if placed freely, pixel."""

    shape: int
    colour: int
    row: int
    column: int


def codes_of(things: list[Thing], world: WorldPreset) -> np.ndarray:
    """Encode the scene as codes [side, side], int64."""
    grid = np.zeros((world.side, world.side), dtype=np.int64)
    for thing in things:
        first = 1 + 4 * (thing.shape * len(world.colours) + thing.colour)
        grid[thing.row : thing.row + 2, thing.column : thing.column + 2] = first + np.arange(4).reshape(2, 2)
    return grid


def things_in(grid: np.ndarray, world: WorldPreset) -> list[Thing]:
    """Find all complete objects of a code grid [side, side]: exact matches only, fragments do not count."""
    found = []
    for row, column in product(range(world.side - 1), repeat=2):
        block = grid[row : row + 2, column : column + 2].reshape(-1) - 1
        if block[0] >= 0 and block[0] % 4 == 0 and (block == block[0] + np.arange(4)).all():
            shape, colour = divmod(int(block[0]) // 4, len(world.colours))
            found.append(Thing(shape, colour, row, column))
    return found


def do_not_overlap(a: tuple[int, int], b: tuple[int, int], extent: int = 2) -> bool:
    """Say whether objects of `extent` x `extent` with these top-left places do not overlap."""
    return abs(a[0] - b[0]) >= extent or abs(a[1] - b[1]) >= extent


def relation_holds(a: tuple[int, int], b: tuple[int, int], relation: str, extent: int = 2) -> bool:
    """Say whether A (row, column) is clearly `relation` of B: cosine with the direction >= .85."""
    direction = {"left of": (0, -1), "right of": (0, 1), "above": (-1, 0), "below": (1, 0)}[relation]
    offset = np.array(a) - np.array(b)
    return bool(offset @ np.array(direction) >= 0.85 * np.linalg.norm(offset)) and do_not_overlap(a, b, extent)


def draw_places(
    world: WorldPreset, n: int, generator: np.random.Generator, relation: str | None = None
) -> list[tuple[int, int]]:
    """Draw n top-left tokens without overlap, uniform over all such ordered layouts (in which A `relation` B holds)."""
    cells = list(product(range(0, world.side - 1, world.step), repeat=2))
    while True:
        picked = [cells[i] for i in generator.integers(len(cells), size=n)]
        pairs: Iterator[bool] = (do_not_overlap(picked[i], picked[j]) for i in range(n) for j in range(i))
        if all(pairs) and (relation is None or relation_holds(picked[0], picked[1], relation)):
            return picked
