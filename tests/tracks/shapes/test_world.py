"""Scenes as grids of codes: what is put in is found again, complete objects only."""

from itertools import product

import numpy as np
import pytest

from fpd_bench.errors import UnknownName
from fpd_bench.tracks.shapes.world import (
    PRESETS,
    Thing,
    WorldPreset,
    codes_of,
    do_not_overlap,
    draw_places,
    preset,
    relation_holds,
    things_in,
)

ALIGNED = {name: world for name, world in PRESETS.items() if not world.learnt}  # the others: test_free.py
WORLDS = pytest.mark.parametrize("world", ALIGNED.values(), ids=ALIGNED)


def test_an_unknown_preset_is_named_with_the_known_ones():
    with pytest.raises(UnknownName, match="preset of track shapes 'defualt'. Did you mean 'default'"):
        preset("defualt")


@WORLDS
def test_sizes(world: WorldPreset):
    assert world.tokens == world.side**2 and world.pixels == 8 * world.side
    assert world.patches == 1 + 4 * len(world.shapes) * len(world.colours)
    assert world.codes == world.textures * world.patches


@WORLDS
def test_every_object_at_every_place_is_found_again(world: WorldPreset):
    for shape, colour in product(range(len(world.shapes)), range(len(world.colours))):
        thing = Thing(shape, colour, shape % (world.side - 1), colour % (world.side - 1))
        grid = codes_of([thing], world)
        assert grid.shape == (world.side, world.side) and grid.max() < world.codes
        assert things_in(grid, world) == [thing]


def test_touching_objects_are_told_apart_and_an_empty_scene_has_none():
    world = PRESETS["plain"]
    things = [Thing(i, i, 2 * (i // 2), 2 * (i % 2)) for i in range(4)]
    assert things_in(codes_of(things, world), world) == things
    assert things_in(codes_of([], world), world) == []


@pytest.mark.parametrize("quarter", range(4))
def test_fragments_do_not_count(quarter):
    world = PRESETS["plain"]
    grid = codes_of([Thing(1, 2, 1, 1)], world)
    grid[1 + quarter // 2, 1 + quarter % 2] = 0
    assert things_in(grid, world) == []
    grid[1 + quarter // 2, 1 + quarter % 2] = 1 + quarter  # the right quarter, of another object
    assert things_in(grid, world) == []


def test_apart_means_no_shared_token():
    cells = list(product(range(3), repeat=2))
    for a, b in product(cells, cells):
        tokens = [{(r + i, c + j) for i, j in product(range(2), repeat=2)} for r, c in (a, b)]
        assert do_not_overlap(a, b) == tokens[0].isdisjoint(tokens[1])


@pytest.mark.parametrize(
    ("a", "b", "holding"),
    [((0, 0), (0, 2), "left of"), ((0, 2), (0, 0), "right of"), ((0, 1), (2, 1), "above"), ((4, 1), (0, 0), "below")],
)
def test_exactly_one_clear_relation(a, b, holding):
    assert [r for r in ("left of", "right of", "above", "below") if relation_holds(a, b, r)] == [holding]


def test_diagonals_and_overlaps_are_no_relation():
    for b in ((2, 2), (0, 1), (0, 0)):
        assert not any(relation_holds((0, 0), b, r) for r in ("left of", "right of", "above", "below"))


@WORLDS
@pytest.mark.parametrize("n", [1, 2, 4])
def test_places_lie_inside_on_the_step_and_do_not_overlap(world: WorldPreset, n):
    draw = np.random.default_rng(0)
    for _ in range(20):
        spots = draw_places(world, n, draw)
        assert all(0 <= v <= world.side - 2 and v % world.step == 0 for spot in spots for v in spot)
        assert all(do_not_overlap(spots[i], spots[j]) for i in range(n) for j in range(i))


@WORLDS
@pytest.mark.parametrize("relation", ["left of", "right of", "above", "below"])
def test_places_honour_the_relation(world: WorldPreset, relation):
    draw = np.random.default_rng(0)
    assert all(relation_holds(*draw_places(world, 2, draw, relation), relation) for _ in range(20))
