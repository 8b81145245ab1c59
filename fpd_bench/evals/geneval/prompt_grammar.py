"""GenEval's prompts: the 553 rows regenerated exactly, and the grammar for any other world of classes and colours.

A row is one metadata dictionary, keys in GenEval's order: tag, include, (exclude,) prompt. The row builders know
nothing of COCO, so the shapes track speaks the same language. Stored hashes: tests/evals/geneval/test_prompts.py.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from itertools import permutations, product
from typing import Any

import numpy as np

from fpd_bench import metrics
from fpd_bench.errors import AssetError, UnknownName

Row = dict[str, Any]

TASKS = metrics.names_of(metrics.GENEVAL)
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white")
RELATIONS = ("left of", "right of", "above", "below")
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_COCO = (
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,parking meter,"
    "bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,frisbee,"
    "skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,"
    "cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,"
    "potted plant,bed,dining table,toilet,tv,laptop,computer mouse,tv remote,computer keyboard,cell phone,microwave,"
    "oven,toaster,sink,refrigerator,book,clock,vase,scissors,teddy bear,hair drier,toothbrush"
)
CLASSES = tuple(_COCO.split(","))
METADATA_SHA256 = "5c48e0813e812e3c373fa5c8ed07a8f0a483be30272b4427b0559c8048e67c13"
_PER_TASK, _SEED, _WITHOUT_PERSON = 100, 43, 79


def article(words: str) -> str:
    """Put the article before `words`: "an" exactly before a, e, i, o, u."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def plural(name: str) -> str:
    """Add es after s, else s, as GenEval does (buses, sheeps, toothbrushs)."""
    return name + ("es" if name.endswith("s") else "s")


def single_object(name: str) -> Row:
    """Ask for a photo of an A."""
    return _row("single_object", [_one(name)], article(name))


def two_object(first: str, second: str) -> Row:
    """Ask for a photo of an A and a B."""
    return _row("two_object", [_one(first), _one(second)], f"{article(first)} and {article(second)}")


def counting(name: str, count: int) -> Row:
    """Ask for a photo of two As: at least `count`, and fewer than one more."""
    exclude = [{"class": name, "count": count + 1}]
    return _row("counting", [{"class": name, "count": count}], f"{NUMBERS[count]} {plural(name)}", exclude)


def colors(name: str, colour: str) -> Row:
    """Ask for a photo of a red A."""
    return _row("colors", [{**_one(name), "color": colour}], f"{article(colour)} {name}")


def position(name: str, relation: str, reference: str) -> Row:
    """Ask for a photo of an A left of a B; the reference B comes first in `include`."""
    include = [_one(reference), {**_one(name), "position": [relation, 0]}]
    return _row("position", include, f"{article(name)} {relation} {article(reference)}")


def color_attr(first: str, first_colour: str, second: str, second_colour: str) -> Row:
    """Ask for a photo of a red A and a blue B."""
    include = [{**_one(first), "color": first_colour}, {**_one(second), "color": second_colour}]
    return _row("color_attr", include, f"{article(first_colour)} {first} and {article(second_colour)} {second}")


_BUILDERS: dict[str, Callable[..., Row]] = {
    "single_object": single_object,
    "two_object": two_object,
    "counting": counting,
    "colors": colors,
    "position": position,
    "color_attr": color_attr,
}


def row(task: str, *words: Any) -> Row:
    """Build the row of `task`; words as its builder takes them: row("counting", "star", 3). Raises UnknownName."""
    if task not in _BUILDERS:
        raise UnknownName("GenEval task", task, TASKS)
    return _BUILDERS[task](*words)


def caption(task: str, *words: Any) -> str:
    """Write the prompt alone: caption("position", "star", "left of", "bar") -> "a photo of a star left of a bar"."""
    return row(task, *words)["prompt"]


def every_row(task: str, classes: Sequence[str], colours: Sequence[str]) -> list[Row]:
    """Build all distinct rows of `task` in a world: every class, ordered pair, n = 2-4, relation, colour pair."""
    words: Iterable[tuple[Any, ...]]
    if task == "single_object":
        words = [(name,) for name in classes]
    elif task == "two_object":
        words = permutations(classes, 2)
    elif task == "counting":
        words = product(classes, (2, 3, 4))
    elif task == "colors":
        words = product(classes, colours)
    elif task == "position":
        words = ((a, relation, b) for a, b in permutations(classes, 2) for relation in RELATIONS)
    elif task == "color_attr":
        words = ((a, c, b, d) for a, b in permutations(classes, 2) for c, d in permutations(colours, 2))
    else:
        raise UnknownName("GenEval task", task, TASKS)
    return [row(task, *w) for w in words]


def geneval_rows() -> list[Row]:
    """Draw the official 553 rows. Raises AssetError if this NumPy's random stream no longer yields them."""
    drawn = _unique(_draw(np.random.default_rng(_SEED)))
    digest = hashlib.sha256(to_jsonl(drawn).encode()).hexdigest()
    if digest != METADATA_SHA256:
        raise AssetError(
            f"The GenEval prompts regenerated with NumPy {np.__version__} have sha256 {digest}, not {METADATA_SHA256}: "
            "its random stream has changed. Install numpy<3, or read the official evaluation_metadata.jsonl."
        )
    return drawn


def to_jsonl(rows: Iterable[Row]) -> str:
    """Write one JSON document a line, as in evaluation_metadata.jsonl."""
    return "".join(json.dumps(r) + "\n" for r in rows)


def _draw(rng: np.random.Generator) -> list[Row]:
    """Draw the 580 raw rows; the order of the draws is GenEval's and must not change."""
    n = len(CLASSES)
    rows = [single_object(CLASSES[i]) for i in rng.choice(n, size=n, replace=False)]
    for _ in range(_PER_TASK):
        first, second = rng.choice(n, size=2, replace=False)
        rows.append(two_object(CLASSES[first], CLASSES[second]))
    for _ in range(_PER_TASK):
        index = rng.choice(n)
        rows.append(counting(CLASSES[index], int(rng.integers(2, 4, endpoint=True))))
    for _ in range(_PER_TASK):
        index = rng.choice(_WITHOUT_PERSON) + 1
        rows.append(colors(CLASSES[index], COLOURS[rng.choice(len(COLOURS))]))
    for _ in range(_PER_TASK):
        first, second = rng.choice(n, size=2, replace=False)
        rows.append(position(CLASSES[first], RELATIONS[rng.choice(len(RELATIONS))], CLASSES[second]))
    for _ in range(_PER_TASK):
        first, second = rng.choice(_WITHOUT_PERSON, size=2, replace=False) + 1
        one, other = rng.choice(len(COLOURS), size=2, replace=False)
        rows.append(color_attr(CLASSES[first], COLOURS[one], CLASSES[second], COLOURS[other]))
    return rows


def _unique(rows: Iterable[Row]) -> list[Row]:
    return list({json.dumps(r): r for r in rows}.values())


def _one(name: str) -> Row:
    return {"class": name, "count": 1}


def _row(tag: str, include: list[Row], words: str, exclude: list[Row] | None = None) -> Row:
    return {
        "tag": tag,
        "include": include,
        **({"exclude": exclude} if exclude else {}),
        "prompt": f"a photo of {words}",
    }
