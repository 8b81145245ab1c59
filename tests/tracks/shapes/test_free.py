"""Objects at any pixel: where they lie, that the detector finds them, and that learnt codes keep them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fpd_bench.evals.geneval.detectors import score_images
from fpd_bench.evals.geneval.prompt_grammar import TASKS
from fpd_bench.tracks.shapes.free import draw_scene, free_places, learn_codes
from fpd_bench.tracks.shapes.geneval_backend import ShapesBackend
from fpd_bench.tracks.shapes.language import draw_things
from fpd_bench.tracks.shapes.prompts import scene_of, splits
from fpd_bench.tracks.shapes.tokenizer import PatchTokenizer, pictures_of, tokens_of
from fpd_bench.tracks.shapes.track import RADIUS_GATE
from fpd_bench.tracks.shapes.world import PRESETS, Thing, do_not_overlap, relation_holds

WORLD = PRESETS["free"]


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_objects_lie_anywhere_inside_without_overlap(n):
    draw = np.random.default_rng(0)
    spots = [free_places(WORLD, n, draw) for _ in range(40)]
    places = np.array(spots).reshape(-1, 2)
    assert places.min() >= 0 and places.max() + WORLD.box <= WORLD.pixels
    assert len({int(v) % WORLD.patch for v in places[:, 0]}) == WORLD.patch  # every phase of the token grid
    assert all(do_not_overlap(s[i], s[j], WORLD.box) for s in spots for i in range(n) for j in range(i))


@pytest.mark.parametrize("relation", ["left of", "right of", "above", "below"])
def test_places_honour_the_relation(relation):
    draw = np.random.default_rng(0)
    for _ in range(20):
        a, b = free_places(WORLD, 2, draw, relation)
        assert relation_holds(a, b, relation, WORLD.box)


def test_the_detector_agrees_that_pictures_show_their_prompts():
    prompts = [p for task in TASKS for p in splits(WORLD)["test"] if p.task == task][::4]
    draw = np.random.default_rng(1)
    images = np.stack([draw_scene(scene_of(p, WORLD, draw), WORLD) for p in prompts])
    assert images.shape == (len(prompts), 40, 40, 3) and images.dtype == np.uint8
    assert missed(images, prompts) == []


def missed(images, prompts):
    low, high = (factor * WORLD.radius for factor in RADIUS_GATE)
    records = score_images(
        images, [p.metadata for p in prompts], ShapesBackend(WORLD.shapes, WORLD.colours, (low, high))
    )
    return [p.text for p, record in zip(prompts, records, strict=True) if record["score"] != 1]


def test_learnt_codes_hold_the_background_exactly_and_every_scene_nearly():
    few = replace(WORLD, learnt=64)
    scenes, _ = draw_things(60, few, torch.Generator().manual_seed(0))
    codes = learn_codes(scenes, few)
    assert codes.shape == (64, 48) and (codes[0] == WORLD.background).all()
    assert np.array_equal(codes, learn_codes(scenes, few))
    codebook = torch.from_numpy(codes) / 255
    tokenizer = PatchTokenizer(codebook, WORLD.side, WORLD.patch)
    assert (tokens_of([[]], WORLD, codebook) == 0).all()
    square = [Thing(1, 0, 3, 7)]
    tokens = tokens_of([square], WORLD, codebook)
    assert torch.equal(tokenizer.decode(codebook[tokens])[0, :, :3], pictures_of([[]], WORLD)[0, :, :3])
    error = (tokenizer.decode(codebook[tokens]) - pictures_of([square], WORLD)).abs()
    assert error.mean() < 0.03  # of 64 codes; most of the image is background
