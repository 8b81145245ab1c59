"""GenEval's six tasks over a preset of the shapes world: every prompt enumerated, split, and turned into scenes.

Held out of training: about 20% of the colour-shape pairs and of the spatial relations (`pair_withheld`,
`relation_withheld`), and every prompt of color_attr that validation or test asks for. Validation and test are disjoint
where a task has prompts to spare; single_object and counting are too small and are shared (with other noise).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations, product
from typing import Any

import numpy as np

from fpd_bench.errors import ConfigError
from fpd_bench.evals.geneval import prompt_grammar as geneval
from fpd_bench.tracks.shapes.free import free_places
from fpd_bench.tracks.shapes.world import Thing, WorldPreset, draw_places, preset

TEXT_LENGTH = 7  # words of the longest prompt after "a photo of"
PER_SPLIT = {"two_object": 15, "colors": 18, "position": 40, "color_attr": 40}  # single_object, counting: all


@dataclass(frozen=True)
class Prompt:
    """What an image must show. objects: (shape, colour or -1 = any), in the order of the text."""

    task: str
    text: str
    metadata: dict[str, Any]
    objects: tuple[tuple[int, int], ...]
    relation: str | None = None
    novel: bool = False  # contains a composition that training never shows


def pair_withheld(shape: int, colour: int) -> bool:
    """Say whether no training scene has this shape in this colour beside another object.

    Alone it is shown: a code is a quarter of one shape in one colour, and a code that training never shows can never
    be drawn (measured: 0 of 48 images).
    """
    return (3 * shape + colour) % 5 == 0


def relation_withheld(a: int, b: int, relation: str) -> bool:
    """Say whether no training caption says `a relation b`; decided on the scene, so both wordings fall together."""
    first, second = (a, b) if relation in ("left of", "above") else (b, a)
    return (first + 2 * second) % 5 == (0 if relation in ("left of", "right of") else 1)


def _enumerate(world: WorldPreset) -> Iterable[Prompt]:
    n_shapes, n_colours = len(world.shapes), len(world.colours)
    pairs = list(permutations(range(n_shapes), 2))
    for a in range(n_shapes):
        yield _prompt(world, "single_object", [(a, -1)])
    for a, b in pairs:
        yield _prompt(world, "two_object", [(a, -1), (b, -1)])
    for a, n in product(range(n_shapes), (2, 3, 4)):
        yield _prompt(world, "counting", [(a, -1)] * n)
    for a, c in product(range(n_shapes), range(n_colours)):
        yield _prompt(world, "colors", [(a, c)])
    for (a, b), relation in product(pairs, geneval.RELATIONS):
        yield _prompt(world, "position", [(a, -1), (b, -1)], relation)
    for (a, b), (c, d) in product(pairs, permutations(range(n_colours), 2)):
        yield _prompt(world, "color_attr", [(a, c), (b, d)])


def _prompt(world: WorldPreset, task: str, objects: list[tuple[int, int]], relation: str | None = None) -> Prompt:
    names = [world.shapes[a] for a, _ in objects]
    words: list[Any] = [names[0], relation, names[-1]] if relation else names
    if task == "counting":
        words = [names[0], len(names)]
    elif objects[0][1] >= 0:
        words = [word for (a, c) in objects for word in (world.shapes[a], world.colours[c])]
    metadata = geneval.row(task, *words)
    novel = len(objects) > 1 and any(c >= 0 and pair_withheld(a, c) for a, c in objects)
    if relation:
        novel = novel or relation_withheld(objects[0][0], objects[1][0], relation)
    return Prompt(task, metadata["prompt"], metadata, tuple(objects), relation, novel)


@cache
def splits(world: WorldPreset) -> dict[str, tuple[Prompt, ...]]:
    """Split all prompts into 'train', 'validation' and 'test'. The same for every run of a preset (fixed seed)."""
    generator = np.random.default_rng(20260521)
    by_task: dict[str, list[Prompt]] = {task: [] for task in geneval.TASKS}
    for prompt in _enumerate(world):
        by_task[prompt.task].append(prompt)
    out: dict[str, list[Prompt]] = {"train": [], "validation": [], "test": []}
    for task, all_prompts in by_task.items():
        n = PER_SPLIT.get(task)
        if n is None:
            out["validation"] += all_prompts
            out["test"] += all_prompts
            out["train"] += all_prompts
            continue
        order = generator.permutation(len(all_prompts))
        n = min(n, len(all_prompts) // 2)
        out["validation"] += [all_prompts[i] for i in order[:n]]
        out["test"] += [all_prompts[i] for i in order[n : 2 * n]]
        free = order[2 * n :] if task == "color_attr" else order
        out["train"] += [all_prompts[i] for i in free if not all_prompts[i].novel]
    return {name: tuple(prompts) for name, prompts in out.items()}


def scene_of(prompt: Prompt, world: WorldPreset, generator: np.random.Generator) -> list[Thing]:
    """Draw a random scene that shows the prompt and nothing else; colours it leaves open never make a withheld pair."""
    draw = free_places if world.learnt else draw_places
    spots = draw(world, len(prompt.objects), generator, prompt.relation)
    same = prompt.task == "counting" and generator.random() < 0.5
    shared = _open_colour(prompt.objects[0][0], world, generator)
    colours = [c if c >= 0 else shared if same else _open_colour(a, world, generator) for a, c in prompt.objects]
    return [Thing(a, colour, *spot) for (a, _), colour, spot in zip(prompt.objects, colours, spots, strict=True)]


def _open_colour(shape: int, world: WorldPreset, generator: np.random.Generator) -> int:
    allowed = [c for c in range(len(world.colours)) if not pair_withheld(shape, c)]
    if world.free_colours:
        return int(generator.choice(allowed))
    return min(allowed, key=lambda c: (c - shape) % len(world.colours))


@cache
def vocabulary(world: WorldPreset) -> dict[str, int]:
    """Number the words: word -> id >= 1; 0 is padding (an all-padding prompt is the empty condition)."""
    words = sorted({word for prompt in _enumerate(world) for word in content_words(prompt.text)})
    return {word: i + 1 for i, word in enumerate(words)}


def content_words(text: str) -> list[str]:
    """Return the words after 'a photo of', which every prompt shares."""
    return text.removeprefix("a photo of ").split()


def word_ids(text: str, world: WorldPreset) -> list[int]:
    """Number the words of a prompt. Raises ConfigError for what the world cannot say."""
    known, words = vocabulary(world), content_words(text)
    strange = [word for word in words if word not in known]
    if strange or not 0 < len(words) <= TEXT_LENGTH:
        trouble = f"unknown word '{strange[0]}'" if strange else f"{len(words)} words, 1 to {TEXT_LENGTH} allowed"
        raise ConfigError(
            f"Prompt '{text}': {trouble} after 'a photo of'. Shapes: {', '.join(world.shapes)}; "
            f"colours: {', '.join(world.colours)}. For example: '{splits(world)['test'][-1].text}'."
        )
    return [known[word] for word in words]


def check_texts(preset_name: str, texts: Sequence[str]) -> None:
    """Raise ConfigError for the first text that a preset's world cannot say. Needs no torch."""
    for text in texts:
        word_ids(text, preset(preset_name))
