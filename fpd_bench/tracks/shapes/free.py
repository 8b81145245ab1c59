"""Free placement, the harder preset: objects at any pixel, drawn as images, their tokens learnt by k-means.

With objects on the token grid every scene is a grid of few exact codes. At any pixel every edge falls differently
into its patches, so codes are learnt, decoding is approximate, and a teacher must learn to join patches of all phases
(docs/adr/0005-the-default-world.md).
"""

from functools import cache
from itertools import combinations

import numpy as np
from scipy.cluster.vq import kmeans2

from fpd_bench.tracks.shapes.drawing import render
from fpd_bench.tracks.shapes.world import Thing, WorldPreset, relation_holds

LAYOUTS = 256  # drawn at once: four objects fit about one time in a thousand
FIT_ROUNDS, FIT_SEED = 30, 0


def free_places(
    world: WorldPreset, n: int, generator: np.random.Generator, relation: str | None = None
) -> list[tuple[int, int]]:
    """Draw n top-left pixels (row, column) of objects, uniform over all layouts without overlap (in which the relation
    holds)."""
    last = world.pixels - world.extent
    while True:
        drawn = generator.integers(last + 1, size=(LAYOUTS, n, 2))
        fits = np.ones(LAYOUTS, dtype=bool)
        for i, j in combinations(range(n), 2):
            fits &= abs(drawn[:, i] - drawn[:, j]).max(-1) >= world.extent
        for layout in drawn[fits].tolist():
            spots = [(row, column) for row, column in layout]
            if relation is None or relation_holds(spots[0], spots[1], relation, world.extent):
                return spots


@cache
def draw_object(shape: int, colour: int, world: WorldPreset) -> np.ndarray:
    """Draw one object in the middle of its own square of the background: uint8 [extent, extent, 3] in px."""
    middle = world.box / 2
    names = {"shape": world.shapes[shape], "color": world.colours[colour]}
    return render([{**names, "cx": middle, "cy": middle, "r": world.radius}], world.box, world.background)


def draw_scene(things: list[Thing], world: WorldPreset) -> np.ndarray:
    """Draw a scene of objects that do not overlap: uint8 [pixels, pixels, 3]."""
    image = np.full((world.pixels, world.pixels, 3), world.background, dtype=np.uint8)
    for thing in things:
        square = slice(thing.row, thing.row + world.box), slice(thing.column, thing.column + world.box)
        image[square] = draw_object(thing.shape, thing.colour, world)
    return image


def patches_of(images: np.ndarray, world: WorldPreset) -> np.ndarray:
    """Cut images into patches: uint8 [n, pixels, pixels, 3] -> [n tokens, 3 p p] in the order of the codebook's
    rows.
    """
    s, p = world.side, world.patch
    return images.reshape(-1, s, p, s, p, 3).transpose(0, 1, 3, 5, 2, 4).reshape(-1, 3 * p * p)


def learn_codes(scenes: list[list[Thing]], world: WorldPreset) -> np.ndarray:
    """Learn codes by k-means over the distinct patches of these scenes: float32 [K, 3 p p] in 0-255, code 0 the
    background exactly.

    Every distinct patch counts once: how often a patch occurs says nothing of how much its error hurts, and the
    background, 9 of 10 patches, would eat the codes.
    """
    found = [np.unique(patches_of(draw_scene(things, world)[None], world), axis=0) for things in scenes]
    distinct = np.unique(np.concatenate(found), axis=0)
    flat = (distinct == world.background).all(axis=1)
    points = distinct[~flat].astype(np.float32)
    centres, _ = kmeans2(points, world.learnt - 1, iter=FIT_ROUNDS, minit="++", rng=np.random.default_rng(FIT_SEED))
    background = np.full((1, points.shape[1]), world.background, dtype=np.float32)
    return np.concatenate([background, centres]).astype(np.float32)
