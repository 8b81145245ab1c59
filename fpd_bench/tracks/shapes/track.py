"""The shapes track: GenEval's six tasks in a world small enough for a laptop. Registry entry `shapes`."""

import copy
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fpd_bench.bench import Diversity, Images, Item, Model, Suite
from fpd_bench.config.tracks import own_preset
from fpd_bench.evals.geneval.detectors import score_images
from fpd_bench.models.backbones import LITE0_SHA256, FeatureBackbone
from fpd_bench.models.condition import Condition
from fpd_bench.models.sampling import sample_by_confidence
from fpd_bench.registry import tracks
from fpd_bench.tracks.diversity_measure import in_layouts
from fpd_bench.tracks.shapes import assets
from fpd_bench.tracks.shapes.geneval_backend import ShapesBackend
from fpd_bench.tracks.shapes.language import condition_of, draw_prompts, draw_scenes, draw_things, null_condition
from fpd_bench.tracks.shapes.prompts import splits
from fpd_bench.tracks.shapes.textures import plain_codes, textures_of
from fpd_bench.tracks.shapes.tokenizer import PatchTokenizer, pictures_of
from fpd_bench.tracks.shapes.world import preset

TOGETHER = 64  # images scored at a time: five times as many a second as one at a time (docs/performance.md)
RADIUS_GATE = 0.9, 1.1  # objects the detector accepts, relative to the radius: three quarters of one are none


@tracks.register("shapes")
class ShapesTrack:
    """Teacher and codebook come from the preset's assets; everything else is drawn."""

    name = "shapes"

    def __init__(self, preset_name: str = "default", folder: Path = assets.FOLDER):
        self.preset = preset_name
        self.world = preset(preset_name)
        codebook, self.teacher, files = assets.load_preset(own_preset("shapes", preset_name), self.world, folder)
        # Named before the backbone is loaded: provenance is written before the first step asks for it.
        self.assets = files | {"efficientnet-lite0": LITE0_SHA256}
        self.tokenizer = PatchTokenizer(codebook, self.world.side, self.world.patch)
        self._textures = textures_of(self.world)
        self.n_tokens, self.n_codes = self.world.tokens, self.world.codes
        self.background = tuple(range(self.world.textures))  # the empty patch, in all its textures
        self.device = torch.device("cpu")

    @cached_property
    def backbone(self) -> FeatureBackbone:
        """Open EfficientNet-Lite0 with its ImageNet weights, at the image's own size: larger costs more and says no
        more.
        """
        return FeatureBackbone(input_size=self.world.pixels).to(self.device)

    def to(self, device: torch.device | str) -> "ShapesTrack":
        """Move teacher, codebook and, if it is loaded, the backbone."""
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
        """Encode any prompts in the world's language. Raises ConfigError."""
        return condition_of(texts, self.world).to(self.device)

    def null_condition(self, n: int) -> Condition:
        """Return n empty prompts."""
        return null_condition(n).to(self.device)

    def draw_conditions(self, n: int, generator: torch.Generator) -> Condition:
        """Draw n training prompts."""
        return self.condition([prompt.text for prompt in draw_prompts(n, self.world, generator)])

    def real_images(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw real images [n, 3, H, W] in [0, 1]; as drawn, where the tokenizer would change them."""
        if self.world.learnt:
            scenes, _ = draw_things(n, self.world, generator)
            return pictures_of(scenes, self.world).to(self.device)
        codes, _ = draw_scenes(n, self.world, generator, self.tokenizer.codebook)
        return self.tokenizer.decode(self.tokenizer.codebook[codes.to(self.device)])

    def pairs(self, n: int, seed: int) -> tuple[Tensor, Condition]:
        """Draw codes [n, L] of n random scenes and their prompts."""
        draw = torch.Generator().manual_seed(seed)
        codes, condition = draw_scenes(n, self.world, draw, self.tokenizer.codebook.cpu())
        return codes.to(self.device), condition.to(self.device)

    def suite(self, split: str) -> Suite:
        """Make the suite: GenEval on the prompts of 'test' or 'validation'; each item knows whether training saw
        its composition.
        """
        prompts = splits(self.world)[split]
        items = tuple(Item(f"{i:04d}", p.text, {**p.metadata, "novel": p.novel}) for i, p in enumerate(prompts))
        condition = self.condition([p.text for p in prompts])
        return Suite(f"geneval-{split}", items, condition, self._score, None, self._diversity, together=TOGETHER)

    def layouts(self, codes: Tensor) -> Tensor:
        """Say what the codes show, whatever their textures: ids of equal shape."""
        return plain_codes(codes, self.world)

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
                self.world.guidance if guidance is None else guidance,
                self.world.confidence_noise if noise is None else noise,
                generators,
                self.device,
                start,
            ).clone()

    def _score(self, images: Images, items: list[Item]) -> list[dict[str, Any]]:
        if self._textures:
            coloured = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
            images = self._textures.remove_from(coloured).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        metadata = [{k: v for k, v in item.metadata.items() if k != "novel"} for item in items]
        records = score_images(images, metadata, self._detector)
        return [
            {**record, "detail": {**record["detail"], "novel": item.metadata["novel"]}}
            for record, item in zip(records, items, strict=True)
        ]

    @property
    def _diversity(self) -> Diversity:
        return in_layouts(self.tokenizer, self.layouts, f"{self.name}/{own_preset(self.name, self.preset)}")

    @cached_property
    def _detector(self) -> ShapesBackend:
        low, high = (factor * self.world.radius for factor in RADIUS_GATE)
        return ShapesBackend(self.world.shapes, self.world.colours, (low, high))
