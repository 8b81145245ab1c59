"""How much the pictures of one prompt differ: what GenEval does not see. A student that draws one picture for each
prompt may score as its teacher does. Needs no torch.

Letters: n pictures of a prompt, L tokens. Layouts are codes that say what a picture shows and not how: in a world with
near-synonymous codes two pictures of one layout differ in most tokens.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpd_bench.errors import ConfigError

Codes = NDArray[np.integer[Any]]  # [n, L]
Features = NDArray[np.floating[Any]]  # [n, D]
FLOOR = 0.5  # below this share of the teacher's diversity a student has collapsed


@dataclass(frozen=True)
class Diversity:
    """Means over prompts.

    differ: share of tokens in which two pictures of a prompt differ. same: share of its pairs that are one picture
    twice. distinct: different pictures among the n of a prompt. images: n, of the prompt that has fewest.
    """

    differ: float
    same: float
    distinct: float
    images: int


def diversity(prompts: Mapping[str, Codes] | Iterable[Codes]) -> Diversity:
    """Measure codes [n, L] of each prompt, n >= 2 of equal length. Raises ConfigError for fewer, or for no prompt."""
    groups = list(prompts.values()) if isinstance(prompts, Mapping) else list(prompts)
    for codes in groups:
        if codes.ndim != 2 or len(codes) < 2:
            raise ConfigError(
                f"Diversity needs the codes [n, L] of 2 or more images per prompt; got {list(codes.shape)}. "
                "Raise evaluation.images_per_prompt."
            )
    if not groups:
        raise ConfigError("Diversity needs the images of at least one prompt; got none.")
    pairs = np.array([_pairs(codes) for codes in groups])
    distinct = float(np.mean([len(np.unique(codes, axis=0)) for codes in groups]))
    return Diversity(float(pairs[:, 0].mean()), float(pairs[:, 1].mean()), distinct, min(map(len, groups)))


def _pairs(codes: Codes) -> tuple[float, float]:
    """Measure over all pairs of rows (share of tokens that differ, share of pairs without a difference)."""
    first, second = np.triu_indices(len(codes), k=1)
    differ = (codes[first] != codes[second]).mean(axis=1)
    return float(differ.mean()), float((differ == 0).mean())


def vendi(features: Features) -> float:
    """Weigh n pictures in different ones, by features [n, D]: 1 for one picture n times, n if all differ.

    The exponential of the entropy of the eigenvalues of their cosine similarities over n (Friedman & Dieng 2023).
    Raises ConfigError for fewer than two pictures.
    """
    if features.ndim != 2 or len(features) < 2:
        raise ConfigError(
            f"The Vendi score needs the features [n, D] of 2 or more images; got {list(features.shape)}. Raise "
            "evaluation.images_per_prompt."
        )
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), np.finfo(features.dtype).tiny)
    share = np.linalg.eigvalsh(unit @ unit.T / len(unit))
    share = share[share > np.finfo(features.dtype).eps]
    return float(np.exp(-(share * np.log(share)).sum()))


def share_of(student: Diversity, teacher: Diversity) -> float:
    """Divide the student's diversity by the teacher's, by tokens that differ; of layouts, if those were counted.

    Raises ConfigError for a teacher without any.
    """
    if teacher.differ == 0:
        raise ConfigError(
            "The teacher's images of a prompt do not differ, so a share of its diversity cannot be computed."
        )
    return student.differ / teacher.differ


def collapsed(student: Diversity, teacher: Diversity) -> bool:
    """Say whether the student keeps less than half of the teacher's diversity."""
    return share_of(student, teacher) < FLOOR
