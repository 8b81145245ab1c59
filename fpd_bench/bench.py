"""The Track protocol: what a bench must offer so that any method can be trained and measured on it.

Letters: B batch, L tokens, K codes (mask id = K), d code dimension, H x W pixels.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.models.condition import Condition

__all__ = ["Blueprint", "Condition", "Images", "Item", "Model", "Score", "Suite", "Tokenizer", "Track"]


Images = NDArray[np.uint8]  # [n, H, W, 3] from the sampler to the scorer, as stored; one image is [H, W, 3]

Model = Callable[[Tensor, Condition], Tensor]  # (tokens [B, L], condition) -> logits [B, L, K]


class Tokenizer(Protocol):
    """Frozen Enc, D and E of the paper."""

    codebook: Tensor  # [K, d]

    def encode(self, images: Tensor) -> Tensor:
        """Encode images [B, 3, H, W] in [0, 1] as codes [B, L]."""
        ...

    def decode(self, embeddings: Tensor, condition: Condition | None = None) -> Tensor:
        """Decode [B, L, d] to [B, 3, H, W], in [0, 1] for codebook rows; differentiable, not clamped for mixtures."""
        ...


@dataclass(frozen=True)
class Item:
    """One thing to evaluate: a prompt and what its images must show."""

    id: str
    prompt: str
    metadata: dict[str, Any]


Diversity = Callable[[Iterable[Images]], list[dict[str, Any]]]
Score = Callable[[Images, list[Item]], list[dict[str, Any]]]
Measure = Callable[[Path, str, Callable[[int, int], None]], list[dict[str, Any]]]


@dataclass(frozen=True)
class Suite:
    """A named list of items and the scorer that turns images into records.

    score(images uint8 [n, H, W, 3], items of the same length) -> one record per image:
    {"score": float, "task": str, "detail": dict}. None: an image by itself has no score.
    measure(file of all images, device, progress) -> numbers of all images together, one record each:
    {"metric": str, "value": float, "n": images, "protocol": dict}; numbers of different protocols are never ranked.
    diversity(images uint8 [n, H, W, 3] of item after item, n >= 2) -> such records, of how much they differ.
    together: about how many images `score` should be given at a time, of several items if need be, because that is
    faster and changes no record; 0 = those of one item.
    """

    name: str
    items: tuple[Item, ...]
    condition: Condition
    score: Score | None
    measure: Measure | None = None
    diversity: Diversity | None = None
    together: int = 0


class Track(Protocol):
    """A bench: frozen parts, conditions and suites. Built on the CPU; `to` moves all of it.

    label_smoothing, where it is not 0: of the cross-entropy that the teacher was trained with.
    layouts(codes) -> ids of equal shape, where codes have near-synonyms: equal where two codes show the same.
    """

    name: str
    preset: str
    n_tokens: int
    n_codes: int  # mask id = n_codes
    tokenizer: Tokenizer
    teacher: nn.Module  # (tokens, condition) -> logits [B, L, K], and embeddings(); see models/transformer.py
    backbone: FeatureBackbone  # Phi, all blocks, at the track's input size
    assets: dict[str, str]  # file name -> sha256, recorded in every run

    def to(self, device: torch.device | str) -> "Track":
        """Move the networks there; random numbers stay those of CPU generators, so that devices share them."""
        ...

    def new_student(self) -> nn.Module:
        """Copy the teacher, trainable."""
        ...

    def condition(self, texts: Sequence[str]) -> Condition:
        """Express prompts in the track's language. Raises ConfigError for what it cannot say."""
        ...

    def null_condition(self, n: int) -> Condition:
        """Make n empty conditions, for classifier-free guidance."""
        ...

    def draw_conditions(self, n: int, generator: torch.Generator) -> Condition:
        """Draw n training conditions."""
        ...

    def real_images(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw real images [n, 3, H, W] in [0, 1]: only the discriminator and FID see them."""
        ...

    def pairs(self, n: int, seed: int) -> tuple[Tensor, Condition]:
        """Draw codes [n, L] and what they show, for methods that learn from data; of real images if there are any."""
        ...

    def suite(self, split: str) -> Suite:
        """Give the evaluation suite of split 'test' or 'validation'."""
        ...

    def teacher_sample(
        self,
        condition: Condition,
        steps: int,
        generators: Sequence[torch.Generator],
        model: Model | None = None,
        start: Tensor | None = None,
        guidance: float | None = None,
    ) -> Tensor:
        """Sample codes [B, L] in steps, as the teacher does; one generator per item, so batching changes nothing.

        model: another network that is to do so, a student; it may be asked about more rows than B, conditional ones
        first. start [B, L]: what it sees at first instead of masks, all of it to be written. guidance: the largest
        weight w of c + w (c - u), None = the teacher's own.
        """
        ...


@dataclass(frozen=True)
class Blueprint:
    """A track's networks on the meta device, from which a plan counts what runs cost.

    resident: numbers that lie in memory beside teacher, student and backbone (tokenizer, text tower).
    condition: B -> a condition on the meta device. text: encodes B prompts; None if that costs nothing.
    """

    n_tokens: int
    n_codes: int
    teacher: nn.Module
    tokenizer: Tokenizer
    backbone: FeatureBackbone
    resident: int
    condition: Callable[[int], Condition]
    text: Callable[[int], Any] | None = None
