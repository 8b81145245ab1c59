"""The digits track: class-conditional generation of real handwriting on a laptop. Registry entry `digits`."""

import copy
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fpd_bench.bench import Images, Item, Model, Suite
from fpd_bench.models.backbones import LITE0_SHA256, FeatureBackbone
from fpd_bench.models.condition import Condition
from fpd_bench.models.sampling import sample_by_confidence
from fpd_bench.registry import tracks
from fpd_bench.tracks.digits import assets, data, files
from fpd_bench.tracks.digits.classifier import classify
from fpd_bench.tracks.digits.fidelity import measure_against
from fpd_bench.tracks.digits.image_packages import source_of
from fpd_bench.tracks.digits.language import condition_of, condition_of_labels, null_condition
from fpd_bench.tracks.digits.tokenizer import DigitsTokenizer
from fpd_bench.tracks.diversity_measure import in_features

ITEMS_PER_CLASS = 25  # of four images each, as evaluation.images_per_prompt has it: a thousand in all
GUIDANCE, CONFIDENCE_NOISE = 1.0, 4.5  # of the teacher's own sampler, chosen on the validation part


@tracks.register("digits")
class DigitsTrack:
    """Networks come from the preset's assets, images from a package. Raises AssetError without either."""

    name = "digits"

    def __init__(self, preset_name: str = "default", folder: Path = files.FOLDER):
        self.preset, self._folder = preset_name, folder
        (self._classifier, judge), (vq, tokens), (self.teacher, teacher) = (
            assets.load_part(part, preset_name, folder) for part in files.PARTS
        )
        names = [f"digits/{files.path_of(part, preset_name).name}" for part in files.PARTS]
        self.assets = dict(zip(names, (judge, tokens, teacher), strict=True))
        self.assets |= {"efficientnet-lite0": LITE0_SHA256, "digits/images": source_of(preset_name).sha256}
        self.tokenizer = DigitsTokenizer(vq)
        self.n_tokens, self.n_codes = self.teacher.shape.tokens, self.teacher.shape.codes
        self._train = data.digits("train", preset_name)
        self.device = torch.device("cpu")

    @cached_property
    def backbone(self) -> FeatureBackbone:
        """Open EfficientNet-Lite0 with its ImageNet weights, at the image's own size; it has never seen a digit."""
        return FeatureBackbone(input_size=data.PIXELS).to(self.device)

    def to(self, device: torch.device | str) -> "DigitsTrack":
        """Move teacher, tokenizer and, if it is loaded, the backbone."""
        self.device = torch.device(device)
        self.teacher.to(self.device)
        self.tokenizer.to(self.device)
        if "backbone" in self.__dict__:
            self.backbone.to(self.device)
        return self

    def new_student(self) -> nn.Module:
        """Make a trainable copy of the teacher."""
        return copy.deepcopy(self.teacher).requires_grad_(True)

    def condition(self, texts: Sequence[str]) -> Condition:
        """Read classes as digits or their names. Raises ConfigError."""
        return condition_of(texts, self.preset).to(self.device)

    def null_condition(self, n: int) -> Condition:
        """Return n conditions without a class."""
        return null_condition(n).to(self.device)

    def draw_conditions(self, n: int, generator: torch.Generator) -> Condition:
        """Draw n uniform classes."""
        labels = torch.randint(data.CLASSES, (n,), generator=generator)
        return condition_of_labels(labels, self.preset).to(self.device)

    def real_images(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw real images [n, 3, H, W] in [0, 1], of the train part only: discriminators see no other."""
        rows = torch.randint(len(self._train.labels), (n,), generator=generator)
        return data.batch_of(self._train.images[rows]).to(self.device)

    def pairs(self, n: int, seed: int) -> tuple[Tensor, Condition]:
        """Return codes [n, L] of real images of the train part and their classes; each image once before any comes
        twice.
        """
        draw, total = torch.Generator().manual_seed(seed), len(self._train.labels)
        passes = [torch.randperm(total, generator=draw) for _ in range(-(-n // total))]
        rows = torch.cat(passes)[:n]
        condition = condition_of_labels(self._train.labels[rows], self.preset)
        return self._codes[rows].to(self.device), condition.to(self.device)

    @cached_property
    def _codes(self) -> Tensor:
        """Encode the train part once: codes [n, L] of its images, in their order."""
        return self.tokenizer.encode(data.batch_of(self._train.images).to(self.device)).cpu()

    def suite(self, split: str) -> Suite:
        """Make the suite: each class 25 times; the classifier judges each image, and all together are compared with
        real ones.
        """
        labels = torch.arange(data.CLASSES).repeat_interleave(ITEMS_PER_CLASS)
        condition = condition_of_labels(labels, self.preset).to(self.device)
        asked = enumerate(zip(condition.texts, labels.tolist(), strict=True))
        items = tuple(Item(f"{i:04d}", text, {"label": label}) for i, (text, label) in asked)
        measured = measure_against(split, files.path_of("classifier", self.preset, self._folder), self.preset)
        differing = in_features(lambda: self.backbone, "Lite0")
        return Suite(f"digits-{split}", items, condition, self._score, measured, differing)

    def teacher_sample(
        self,
        condition: Condition,
        steps: int,
        generators: Sequence[torch.Generator],
        model: Model | None = None,
        start: Tensor | None = None,
        guidance: float | None = None,
        noise: float | None = None,
    ) -> Tensor:
        """Sample codes [B, L] by the confidence sampler with a linear guidance ramp.

        model, start: see Track; guidance, noise: None = the preset's own.
        """
        null, look = self.null_condition(len(condition)), model or self.teacher
        shape = (len(condition), self.n_tokens, self.n_codes)
        with torch.inference_mode():
            return sample_by_confidence(
                lambda tokens: look(tokens, condition),
                lambda tokens: look(tokens, null),
                shape,
                steps,
                GUIDANCE if guidance is None else guidance,
                CONFIDENCE_NOISE if noise is None else noise,
                generators,
                self.device,
                start,
            ).clone()

    def _score(self, images: Images, items: list[Item]) -> list[dict[str, Any]]:
        """Score 1 for an image that the classifier takes for the class asked for, else 0."""
        colours = torch.from_numpy(images).permute(0, 3, 1, 2).float()
        grey = colours.mean(dim=1, keepdim=True) / 255
        seen = classify(self._classifier, grey).tolist()
        return [
            {"score": float(label == item.metadata["label"]), "task": item.prompt, "detail": {"seen": label}}
            for label, item in zip(seen, items, strict=True)
        ]
