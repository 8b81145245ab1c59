"""The real GenEval as a track's suites: COCO prompts, scored by an object detector and CLIP's colours."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from fpd_bench.errors import AssetError, UnknownName
from fpd_bench.evals.geneval.detectors import Backend, Colours, backend, known_colours
from fpd_bench.evals.geneval.prompts import CLASSES, COLOURS, RELATIONS, Row, geneval_rows, row
from fpd_bench.evals.geneval.scoring import Options, evaluate_image
from fpd_bench.tracks.base import Item

VALIDATION_PER_TASK, VALIDATION_SEED = 20, 1
DETECTOR = "facebook/mask2former-swin-small-coco-instance"
CLIP = "timm/vit_large_patch14_clip_224.openai"
CLIP_FILE = "open_clip_model.safetensors"


def validation_rows() -> list[Row]:
    """Twenty prompts a task that are not among the 553, always the same."""
    rng, taken = np.random.default_rng(VALIDATION_SEED), {r["prompt"] for r in geneval_rows()}
    rows: list[Row] = []
    for task in ("two_object", "counting", "colors", "position", "color_attr"):  # all single objects are official
        left = VALIDATION_PER_TASK
        while left:
            made = row(task, *_words(task, rng))
            if made["prompt"] not in taken:
                taken.add(made["prompt"])
                rows.append(made)
                left -= 1
    return rows


def _words(task: str, rng: np.random.Generator) -> Sequence[Any]:
    names = CLASSES[1:] if task in ("colors", "color_attr") else CLASSES  # GenEval paints no persons
    first, second = (names[i] for i in rng.choice(len(names), size=2, replace=False))
    one, other = (COLOURS[i] for i in rng.choice(len(COLOURS), size=2, replace=False))
    return {
        "two_object": (first, second),
        "counting": (first, int(rng.integers(2, 4, endpoint=True))),
        "colors": (first, one),
        "position": (first, RELATIONS[rng.choice(len(RELATIONS))], second),
        "color_attr": (first, one, second, other),
    }[task]


class GenEvalSuites:
    """Items and scores. detector, colours: by default Mask2Former and CLIP ViT-L/14 from the weights folder,
    opened at the first score; a detector that brings its own colours needs no `colours`."""

    def __init__(self, weights: Path, detector: Backend | None = None, colours: Colours | None = None):
        self.weights, self._given = weights, (detector, colours)
        self._items: dict[str, tuple[Item, ...]] = {}

    def items(self, split: str) -> tuple[Item, ...]:
        """Of 'test' or 'validation'. Raises UnknownName."""
        makers = {"test": geneval_rows, "validation": validation_rows}
        if split not in makers:
            raise UnknownName("evaluation split", split, makers)
        if split not in self._items:
            self._items[split] = tuple(Item(f"{i:05d}", r["prompt"], r) for i, r in enumerate(makers[split]()))
        return self._items[split]

    def score(self, images: Tensor, items: list[Item]) -> list[dict[str, Any]]:
        """uint8 [n, 3, H, W] -> one GenEval record per image. Raises AssetError without the detector's weights."""
        detector, colours = self._backends
        pictures = list(images.permute(0, 2, 3, 1).contiguous().cpu().numpy())
        records = []
        for picture, seen, item in zip(pictures, detector.see(pictures, [i.id for i in items]), items, strict=True):
            classify = colours.for_image(picture) if colours else known_colours(seen.colours or {})
            verdict = evaluate_image(seen.detections, item.metadata, classify, Options())
            detail = {"reason": verdict.reason, "objects": verdict.details, "detector": detector.identity}
            records.append({"score": float(verdict.correct), "task": item.metadata["tag"], "detail": detail})
        return records

    @cached_property
    def _backends(self) -> tuple[Backend, Colours | None]:
        detector, colours = self._given
        if detector is not None:
            return detector, colours
        from fpd_bench.evals.geneval.clip import ClipColours

        network, clip = self.weights / DETECTOR.partition("/")[2], self.weights / CLIP.partition("/")[2]
        if not network.is_dir():
            raise AssetError(
                f"GenEval's detector '{network}' is missing. Run: hf download {DETECTOR} --local-dir {network}"
            )
        if not (clip / CLIP_FILE).is_file():
            raise AssetError(
                f"GenEval's colour classifier '{clip / CLIP_FILE}' is missing. "
                f"Run: hf download {CLIP} {CLIP_FILE} --local-dir {clip}"
            )
        return backend("mask2former-hf", weights=str(network)), ClipColours(weights=str(clip / CLIP_FILE))
