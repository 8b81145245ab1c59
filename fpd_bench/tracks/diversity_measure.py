"""How much the pictures of one item differ, as a part of a run's evaluation: what no score of single pictures sees.

In layouts, where a track's pictures are known token by token; elsewhere by the Vendi score of Phi's features.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fpd_bench.bench import Diversity, Images, Tokenizer
from fpd_bench.evals import diversity
from fpd_bench.models.backbones import FeatureBackbone


def in_layouts(tokenizer: Tokenizer, layouts: Callable[[Tensor], Tensor], name: str) -> Diversity:
    """Measure tokens, read from the pictures. layouts: codes [n, L] -> what they show; name: of that, in protocols."""

    def read(images: Images) -> diversity.Codes:
        codes: diversity.Codes = layouts(tokenizer.encode(_batch(images, tokenizer.codebook.device))).cpu().numpy()
        return codes

    def measured(items: Iterable[Images]) -> list[dict[str, Any]]:
        prompts = [read(images) for images in items]
        found = diversity.diversity(prompts)
        numbers = {"differ": found.differ, "same": found.same, "distinct": found.distinct}
        return _rows(numbers, f"tokens of {name}", list(map(len, prompts)))

    return measured


def in_features(backbone: Callable[[], FeatureBackbone], name: str) -> Diversity:
    """Measure mean features of Phi's deepest block. backbone: opens it when it is needed; name: its, in protocols."""

    def read(images: Images) -> diversity.Features:
        network = backbone()
        with torch.inference_mode():
            deepest = [*network(_batch(images, network.mean.device)).values()][-1]
        features: diversity.Features = deepest.mean((2, 3)).double().cpu().numpy()
        return features

    def measured(items: Iterable[Images]) -> list[dict[str, Any]]:
        scores, counts = [], []
        for images in items:
            scores.append(diversity.vendi(read(images)))
            counts.append(len(images))
        return _rows({"vendi": float(np.mean(scores))}, f"Vendi score, deepest block of {name}", counts)

    return measured


def _batch(images: Images, device: torch.device) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).to(device).float() / 255


def _rows(numbers: dict[str, float], measure: str, counts: list[int]) -> list[dict[str, Any]]:
    """Make a row for each number. counts: pictures of each item, which decide how many layouts can be seen."""
    protocol = {"measure": measure, "images_per_prompt": min(counts)}
    return [
        {"metric": metric, "value": value, "n": sum(counts), "protocol": protocol} for metric, value in numbers.items()
    ]
