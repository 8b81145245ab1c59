"""Ten classes as conditions: one class token, which is the dropped class where there is none to say."""

from collections.abc import Sequence

import torch
from torch import Tensor

from fpd_bench.models.condition import Condition
from fpd_bench.tracks.digits.class_names import class_of, texts_of
from fpd_bench.tracks.digits.data import CLASSES, DEFAULT

DROPPED, WORDS = 0, CLASSES + 1  # the token of no class; token of class y: y + 1


def condition_of_labels(labels: Tensor, preset: str = DEFAULT) -> Condition:
    """Make the conditions of labels [n] in 0..9; the texts are "0" to "9", or the preset's names."""
    texts = texts_of(preset)
    return Condition(tuple(texts[label] for label in labels.tolist()), {"words": (labels + 1)[:, None]})


def condition_of(texts: Sequence[str], preset: str = DEFAULT) -> Condition:
    """Read classes by number or name, "7" or "seven", as conditions. Raises ConfigError."""
    return condition_of_labels(torch.tensor([class_of(text, preset) for text in texts], dtype=torch.long), preset)


def null_condition(n: int) -> Condition:
    """Return n conditions without a class."""
    return Condition(("",) * n, {"words": torch.full((n, 1), DROPPED)})
