"""Prompts: how many, what training never sees, and that scenes show what their prompts say."""

from collections import Counter

import numpy as np
import pytest
import torch

from fpd_bench.errors import ConfigError
from fpd_bench.evals.geneval.detectors import score_images
from fpd_bench.evals.geneval.prompt_grammar import TASKS
from fpd_bench.tracks.shapes.geneval_backend import ShapesBackend
from fpd_bench.tracks.shapes.language import condition_of, draw_prompts, draw_scenes, null_condition
from fpd_bench.tracks.shapes.prompts import (
    PER_SPLIT,
    TEXT_LENGTH,
    content_words,
    pair_withheld,
    relation_withheld,
    scene_of,
    splits,
    vocabulary,
)
from fpd_bench.tracks.shapes.tokenizer import PatchTokenizer, draw_codebook
from fpd_bench.tracks.shapes.track import RADIUS_GATE
from fpd_bench.tracks.shapes.world import PRESETS, WorldPreset, codes_of, relation_holds, things_in

SMALL = {name: PRESETS[name] for name in ("coarse", "plain")}
WORLDS = pytest.mark.parametrize("world", SMALL.values(), ids=SMALL)


@WORLDS
def test_test_and_validation_have_the_same_number_of_each_task(world: WorldPreset):
    s = len(world.shapes)
    counts = {split: Counter(p.task for p in prompts) for split, prompts in splits(world).items()}
    assert counts["test"] == counts["validation"]
    assert set(counts["test"]) == set(counts["train"]) == set(TASKS)
    assert counts["test"]["single_object"] == s and counts["test"]["counting"] == 3 * s
    available = {"two_object": s * (s - 1), "colors": s * len(world.colours), "position": 4 * s * (s - 1)}
    for task, n in available.items():
        assert counts["test"][task] == min(PER_SPLIT[task], n // 2)


@WORLDS
def test_prompts_are_not_repeated_and_splits_are_disjoint_where_there_are_enough(world: WorldPreset):
    texts = {split: [p.text for p in prompts] for split, prompts in splits(world).items()}
    assert all(len(set(t)) == len(t) for t in texts.values())
    shared = {p.task for p in splits(world)["test"] if p.text in set(texts["validation"])}
    assert shared == {"single_object", "counting"}


@WORLDS
def test_no_colour_prompt_of_two_objects_is_both_trained_and_tested(world: WorldPreset):
    trained = {p.text for p in splits(world)["train"] if p.task == "color_attr"}
    for split in ("test", "validation"):
        assert trained.isdisjoint(p.text for p in splits(world)[split])


@WORLDS
def test_training_never_says_a_withheld_composition(world: WorldPreset):
    for prompt in splits(world)["train"]:
        assert not prompt.novel
        if len(prompt.objects) > 1:
            assert not any(c >= 0 and pair_withheld(a, c) for a, c in prompt.objects)
        if prompt.relation:
            assert not relation_withheld(prompt.objects[0][0], prompt.objects[1][0], prompt.relation)


@WORLDS
def test_both_wordings_of_a_scene_are_withheld_together(world: WorldPreset):
    opposite = {"left of": "right of", "above": "below", "right of": "left of", "below": "above"}
    for a in range(len(world.shapes)):
        for b in range(len(world.shapes)):
            for relation, other in opposite.items():
                assert relation_withheld(a, b, relation) == relation_withheld(b, a, other)


@WORLDS
def test_some_of_what_is_tested_is_new_and_some_is_not(world: WorldPreset):
    for task in ("position", "color_attr"):
        share = np.mean([p.novel for p in splits(world)["test"] if p.task == task])
        assert 0.05 < share < 0.6, task


@WORLDS
def test_training_scenes_never_show_a_withheld_pair(world: WorldPreset):
    codes, _ = draw_scenes(300, world, torch.Generator().manual_seed(0), draw_codebook(world))
    for grid in codes.reshape(-1, world.side, world.side).numpy():
        things = things_in(grid, world)
        assert things
        assert len(things) == 1 or not any(pair_withheld(thing.shape, thing.colour) for thing in things)


@WORLDS
def test_a_scene_shows_its_prompt_and_nothing_else(world: WorldPreset):
    draw = np.random.default_rng(0)
    for prompt in splits(world)["test"]:
        things = scene_of(prompt, world, draw)
        assert [t.shape for t in things] == [shape for shape, _ in prompt.objects]
        assert all(c in (-1, t.colour) for t, (_, c) in zip(things, prompt.objects, strict=True))
        if prompt.relation:
            assert relation_holds((things[0].row, things[0].column), (things[1].row, things[1].column), prompt.relation)
        assert sorted(things_in(codes_of(things, world), world), key=str) == sorted(things, key=str)


@WORLDS
def test_the_detector_agrees_that_scenes_show_their_prompts(world: WorldPreset):
    prompts = [p for task in TASKS for p in splits(world)["test"] if p.task == task][::3]
    draw = np.random.default_rng(1)
    codes = torch.from_numpy(np.stack([codes_of(scene_of(p, world, draw), world).reshape(-1) for p in prompts]))
    codebook = draw_codebook(world)
    images = PatchTokenizer(codebook, world.side, world.patch).decode(codebook[codes])
    pixels = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    low, high = (factor * world.radius for factor in RADIUS_GATE)
    records = score_images(
        pixels, [p.metadata for p in prompts], ShapesBackend(world.shapes, world.colours, (low, high))
    )
    missed = [p.text for p, record in zip(prompts, records, strict=True) if record["score"] != 1]
    assert missed == []


def test_splits_never_change():
    first = splits.__wrapped__(PRESETS["coarse"])
    assert first == splits(PRESETS["coarse"])


@WORLDS
def test_every_prompt_can_be_said_and_differs_from_silence(world: WorldPreset):
    prompts = [p for split in splits(world).values() for p in split]
    assert max(len(content_words(p.text)) for p in prompts) <= TEXT_LENGTH
    words = condition_of([p.text for p in prompts], world).tensors["words"]
    assert words.max() <= len(vocabulary(world)) and (words[:, 0] > 0).all()
    assert len({tuple(row) for row in words.tolist()}) == len({p.text for p in prompts})
    assert (null_condition(2).tensors["words"] == 0).all()


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("a photo of a red zebra", "unknown word 'zebra'"),
        ("a photo of ", "0 words, 1 to 7 allowed"),
        ("a photo of a red ring and a blue square and", "8 words"),
    ],
)
def test_a_prompt_the_world_cannot_say_is_refused_with_its_words(text, trouble):
    with pytest.raises(ConfigError, match=trouble) as error:
        condition_of([text], PRESETS["plain"])
    assert "Shapes: circle, square" in str(error.value) and "For example: 'a photo of" in str(error.value)


def test_training_prompts_follow_the_task_weights():
    counts = Counter(p.task for p in draw_prompts(3000, PRESETS["plain"], torch.Generator().manual_seed(0)))
    for task, weight in {"single_object": 1, "counting": 2, "position": 4, "color_attr": 6}.items():
        assert counts[task] / 3000 == pytest.approx(weight / 17, abs=0.03)
