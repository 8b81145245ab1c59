"""Prompts as numbers, and random scenes with their prompts: what teacher and student are trained on."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor

from fpd_bench.models.condition import Condition
from fpd_bench.tracks.shapes.prompts import TEXT_LENGTH, Prompt, scene_of, splits, word_ids
from fpd_bench.tracks.shapes.textures import choose_textures
from fpd_bench.tracks.shapes.tokenizer import tokens_of
from fpd_bench.tracks.shapes.world import Thing, WorldPreset

TASK_WEIGHTS = {"single_object": 1, "two_object": 2, "counting": 2, "colors": 2, "position": 4, "color_attr": 6}


def condition_of(texts: Sequence[str], world: WorldPreset) -> Condition:
    """Encode prompts as word ids [B, TEXT_LENGTH] of any prompts, padded with 0. Raises ConfigError for what the
    world cannot say.
    """
    ids = torch.zeros(len(texts), TEXT_LENGTH, dtype=torch.int64)
    for row, text in enumerate(texts):
        words = word_ids(text, world)
        ids[row, : len(words)] = torch.tensor(words)
    return Condition(tuple(texts), {"words": ids})


def null_condition(n: int) -> Condition:
    """Return n empty prompts."""
    return Condition(("",) * n, {"words": torch.zeros(n, TEXT_LENGTH, dtype=torch.int64)})


def draw_prompts(n: int, world: WorldPreset, generator: torch.Generator) -> list[Prompt]:
    """Draw n training prompts: the task by TASK_WEIGHTS (harder ones more often), then uniform within the task."""
    weights = torch.tensor(list(TASK_WEIGHTS.values()), dtype=torch.float64)
    tasks = torch.multinomial(weights, n, replacement=True, generator=generator).tolist()
    places = torch.rand(n, generator=generator, dtype=torch.float64).tolist()
    by_task = _training_prompts(world)
    return [by_task[t][int(p * len(by_task[t]))] for t, p in zip(tasks, places, strict=True)]


def draw_things(n: int, world: WorldPreset, generator: torch.Generator) -> tuple[list[list[Thing]], Condition]:
    """Draw n random scenes with their prompts."""
    prompts = draw_prompts(n, world, generator)
    numpy = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
    scenes = [scene_of(prompt, world, numpy) for prompt in prompts]
    return scenes, condition_of([prompt.text for prompt in prompts], world)


def draw_scenes(n: int, world: WorldPreset, generator: torch.Generator, codebook: Tensor) -> tuple[Tensor, Condition]:
    """Draw n random scenes as codes [n, L], in random textures if the world has any, with their prompts."""
    scenes, condition = draw_things(n, world, generator)
    return choose_textures(tokens_of(scenes, world, codebook), world, generator), condition


@cache
def _training_prompts(world: WorldPreset) -> list[list[Prompt]]:
    return [[p for p in splits(world)["train"] if p.task == task] for task in TASK_WEIGHTS]
