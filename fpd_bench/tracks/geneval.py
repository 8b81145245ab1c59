"""The real GenEval as a track's suites: COCO prompts, scored by an object detector and CLIP's colours."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fpd_bench.assets.published_files import COLOURS as CLIP
from fpd_bench.assets.published_files import DETECTOR, PublishedFile
from fpd_bench.bench import Images, Item
from fpd_bench.errors import AssetError, UnknownName
from fpd_bench.evals.geneval.detectors import Backend, Colours, backend, known_colours
from fpd_bench.evals.geneval.prompt_grammar import CLASSES, COLOURS, RELATIONS, Row, geneval_rows, row
from fpd_bench.evals.geneval.scoring import Options, evaluate_image

VALIDATION_PER_TASK, VALIDATION_SEED = 20, 1


def validation_rows() -> list[Row]:
    """Draw twenty prompts a task that are not among the 553, always the same."""
    rng, taken = np.random.default_rng(VALIDATION_SEED), {r["prompt"] for r in geneval_rows()}
    rows: list[Row] = []
    for task in ("two_object", "counting", "colors", "position", "color_attr"):  # all single objects are official
        left = VALIDATION_PER_TASK
        while left:
            drawn = row(task, *_draw_words(task, rng))
            if drawn["prompt"] not in taken:
                taken.add(drawn["prompt"])
                rows.append(drawn)
                left -= 1
    return rows


def _draw_words(task: str, rng: np.random.Generator) -> Sequence[Any]:
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
        """List the items of 'test' or 'validation'. Raises UnknownName."""
        makers = {"test": geneval_rows, "validation": validation_rows}
        if split not in makers:
            raise UnknownName("evaluation split", split, makers)
        if split not in self._items:
            self._items[split] = tuple(Item(f"{i:05d}", r["prompt"], r) for i, r in enumerate(makers[split]()))
        return self._items[split]

    def score(self, images: Images, items: list[Item]) -> list[dict[str, Any]]:
        """Score images: uint8 [n, H, W, 3] -> one GenEval record per image. Raises AssetError without the
        detector's weights.
        """
        detector, colours = self._backends
        pictures = list(images)
        records = []
        for picture, seen, item in zip(pictures, detector.see(pictures, [i.id for i in items]), items, strict=True):
            classify = colours.for_image(picture) if colours else known_colours(seen.answers())
            judged = evaluate_image(seen.detections, item.metadata, classify, Options())
            detail = {"reason": judged.reason, "objects": judged.details, "detector": detector.identity}
            records.append({"score": float(judged.correct), "task": item.metadata["tag"], "detail": detail})
        return records

    @cached_property
    def _backends(self) -> tuple[Backend, Colours | None]:
        detector, colours = self._given
        if detector is not None:
            return detector, colours
        import torch

        from fpd_bench.evals.geneval.clip import ClipColours

        network, clip = (self._require_file(file) for file in (DETECTOR, CLIP))
        device = "cuda" if torch.cuda.is_available() else "cpu"
        # timm's copy of CLIP says its own sizes; without its configuration the file is taken for OpenAI's ViT-L/14
        local = (clip.parent / "open_clip_config.json").is_file() and clip.name == CLIP.file
        model, weights = (f"local-dir:{clip.parent}", None) if local else ("ViT-L-14-quickgelu", str(clip))
        colours = ClipColours(model, weights, device=device)
        return backend("mask2former-hf", weights=str(network.parent), device=device), colours

    def _require_file(self, file: PublishedFile) -> Path:
        missing = file.absent(self.weights)
        if missing:
            raise AssetError(f"GenEval's {file.role} '{missing}' is missing. Run: {file.fetch_command(self.weights)}")
        return file.path(self.weights)
