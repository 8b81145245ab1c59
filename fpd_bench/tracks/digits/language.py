"""Ten classes as conditions: one class token, which is the dropped class where there is none to say."""

from collections.abc import Sequence

import torch
from torch import Tensor

from fpd_bench.errors import ConfigError
from fpd_bench.models.condition import Condition
from fpd_bench.tracks.digits.data import CLASSES

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DROPPED, WORDS = 0, CLASSES + 1  # the token of no class; token of class y: y + 1


def labelled(labels: Tensor) -> Condition:
    """Labels [n] in 0..9 -> their conditions; the texts are "0" to "9"."""
    return Condition(tuple(str(label) for label in labels.tolist()), {"words": (labels + 1)[:, None]})


def condition_of(texts: Sequence[str]) -> Condition:
    """Digits or their names, "7" or "seven". Raises ConfigError."""
    return labelled(torch.tensor([_label(text) for text in texts], dtype=torch.long))


def null_condition(n: int) -> Condition:
    """n dropped classes."""
    return Condition(("",) * n, {"words": torch.full((n, 1), DROPPED)})


def _label(text: str) -> int:
    word = text.strip().lower()
    if word in NAMES:
        return NAMES.index(word)
    if word.isascii() and word.isdigit() and int(word) < CLASSES:
        return int(word)
    raise ConfigError(f"'{text}' is no digit. Say one of 0 to {CLASSES - 1}, or its name, such as '{NAMES[7]}'.")
