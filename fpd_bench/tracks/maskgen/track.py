"""The text-to-image track of the paper (Tables 1, 3, 4): MaskGen-L with TA-TiTok and CLIP. Registry entry `maskgen`.

Weights, captions and pictures come from the user's folders (assets/published_files.py); scored by the real GenEval.
"""

import copy
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fpd_bench.assets.environment import data_folder
from fpd_bench.assets.required_files import caption_files, require
from fpd_bench.assets.weight_shards import digest
from fpd_bench.bench import Model, Suite
from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.models.clip_text import ClipText
from fpd_bench.models.condition import Condition
from fpd_bench.models.maskgen_network import MaskGen
from fpd_bench.models.maskgen_sampler import MaskGenSampling, TextCondition, item_uniform, sample
from fpd_bench.models.perturbation import Perturbation
from fpd_bench.models.tatitok import TaTiTok
from fpd_bench.models.weight_loading import load_weights
from fpd_bench.registry import tracks
from fpd_bench.tracks.captions import open_captions
from fpd_bench.tracks.diversity_measure import in_features
from fpd_bench.tracks.geneval import GenEvalSuites
from fpd_bench.tracks.maskgen.declaration import FILES
from fpd_bench.tracks.maskgen.networks import build_teacher, build_text, build_tokenizer, read_score
from fpd_bench.tracks.pairs import teacher_pairs
from fpd_bench.tracks.paper import load_backbone, paths_of
from fpd_bench.tracks.pictures import RealImages

ENCODED_AT_ONCE = 64  # prompts


class MaskGenTeacher(nn.Module):
    """MaskGen in the bench's words: (codes [B, L] or weights [B, L, K + 1], condition) -> logits [B, L, K]."""

    def __init__(self, network: MaskGen, score: float):
        super().__init__()
        self.network, self.score, self.width = network, score, network.shape.width

    def embeddings(self) -> list[Tensor]:
        """List the embeddings of tokens and their places, to which the output layer is tied."""
        return [self.network.embeddings.weight, self.network.pos_embed]

    def forward(
        self,
        tokens: Tensor,
        condition: Condition,
        perturbation: Perturbation | None = None,
        extra: Tensor | None = None,
    ) -> Tensor:
        text, pooled = condition.tensors["text"], condition.tensors["pooled"]
        score = torch.full((len(text),), self.score, device=text.device)
        return self.network(tokens, text, pooled, score, perturbation, extra)

    def layers(self) -> list[nn.Module]:
        """List the blocks of the transformer; each gives (image, text)."""
        return list(self.network.blocks)

    def image_part(self, state: tuple[Tensor, Tensor]) -> Tensor:
        """Cut the image's tokens out of what a block gives, [B, L, W]."""
        return state[0][:, : self.network.shape.tokens]


class TaTiTokTokenizer:
    """TA-TiTok; its decoder reads the caption, so decoding needs the condition."""

    def __init__(self, network: TaTiTok):
        self.network = network
        self.codebook: Tensor = network.codebook

    def to(self, device: torch.device | str) -> None:
        """Move the network."""
        self.codebook = self.network.to(device).codebook

    def encode(self, images: Tensor) -> Tensor:
        """Encode images: [B, 3, H, W] in [0, 1] -> codes [B, L]."""
        return self.network.encode(images)

    def decode(self, embeddings: Tensor, condition: Condition | None = None) -> Tensor:
        """Decode embeddings: [B, L, d] -> [B, 3, H, W], about [0, 1], not clamped. Raises ConfigError without a
        condition.
        """
        if condition is None:
            raise ConfigError("TA-TiTok decodes with the caption's help: give decode() the condition of the images.")
        return self.network.decode(embeddings, condition.tensors["guide"])


class TextEncoder:
    """Captions -> the three tensors of `TextStates`, by CLIP's text tower and open_clip's byte-pair encoding."""

    def __init__(self, network: ClipText):
        try:
            from open_clip.tokenizer import SimpleTokenizer
        except ImportError as error:
            raise ConfigError("Captions need open_clip. Run: pip install 'fpd-bench[paper]'") from error
        self.network = network
        self._tokenize = SimpleTokenizer(context_length=network.shape.context)

    @torch.no_grad()
    def __call__(self, texts: Sequence[str]) -> Condition:
        """Encode captions: text [B, T, C], pooled [B, 1, C] for MaskGen; guide [B, T, C] for TA-TiTok."""
        batches = [texts[i : i + ENCODED_AT_ONCE] for i in range(0, len(texts), ENCODED_AT_ONCE)]
        device = self.network.text_projection.device
        states = [self.network(self._tokenize(list(batch)).to(device)) for batch in batches]
        tensors = {
            name: torch.cat([getattr(state, field) for state in states])
            for name, field in (("text", "penultimate"), ("pooled", "pooled"), ("guide", "last"))
        }
        return Condition(tuple(texts), tensors)


@tracks.register("maskgen")
class MaskGenTrack:
    """weights, data: folders, by default $FPD_WEIGHTS and $FPD_DATA; suites: who draws up and scores GenEval.

    Raises AssetError for what is missing or foreign.
    """

    name = "maskgen"
    label_smoothing = 0.1  # of the cross-entropy that its teacher was trained with

    def __init__(
        self,
        preset_name: str = "default",
        weights: Path | None = None,
        data: Path | None = None,
        suites: GenEvalSuites | None = None,
    ):
        self.preset = preset_name
        folder = weights or require(FILES)
        self._paths = paths_of(FILES, folder)
        network = build_teacher(self._paths["teacher"])
        tatitok = build_tokenizer(self._paths["tokenizer"])
        clip = build_text(self._paths["text"])
        _require_match(network, tatitok, clip)
        for model, role, kind in ((network, "teacher", "maskgen"), (tatitok, "tokenizer", "tatitok")):
            load_weights(model, self._paths[role], kind)
        load_weights(clip, self._paths["text"], "clip_text")
        self.teacher = MaskGenTeacher(network, read_score(self._paths["teacher"])).eval().requires_grad_(False)
        self.tokenizer = TaTiTokTokenizer(tatitok.eval().requires_grad_(False))
        self._encode = TextEncoder(clip.eval().requires_grad_(False))
        self.n_tokens, self.n_codes = network.shape.tokens, network.shape.codes
        self.assets = {f"maskgen/{role}": digest(path) for role, path in self._paths.items()}
        self._data = data or data_folder(folder)
        self._images = RealImages(self._data, tatitok.shape.resolution)
        if self._images:
            self.assets["maskgen/images"] = self._images.digest
        self._captions = open_captions(self._data) if caption_files(self._data) else None
        if self._captions:
            self.assets["maskgen/captions"] = self._captions.digest
        self._suites = suites or GenEvalSuites(folder)
        self._conditions: dict[str, Condition] = {}
        self.device = torch.device("cpu")

    @cached_property
    def backbone(self) -> FeatureBackbone:
        """Open DINOv3 ViT-B/16, all blocks."""
        return load_backbone(self._paths["backbone"]).to(self.device)

    def to(self, device: torch.device | str) -> "MaskGenTrack":
        """Move teacher, TA-TiTok, CLIP, encoded captions and, if it is loaded, the backbone."""
        self.device = torch.device(device)
        self.teacher.to(self.device)
        self.tokenizer.to(self.device)
        self._encode.network.to(self.device)
        self._conditions.clear()
        self.__dict__.pop("_empty", None)
        if "backbone" in self.__dict__:
            self.backbone.to(self.device)
        return self

    def new_student(self) -> nn.Module:
        """Make a trainable copy of the teacher."""
        return copy.deepcopy(self.teacher).requires_grad_(True)

    def condition(self, texts: Sequence[str]) -> Condition:
        """Encode any captions; what exceeds CLIP's 77 tokens is cut."""
        return self._encode(texts)

    def null_condition(self, n: int) -> Condition:
        """Encode n times the empty caption."""
        return self._empty[[0] * n]

    def draw_conditions(self, n: int, generator: torch.Generator) -> Condition:
        """Draw n training captions. Raises AssetError without a file of captions."""
        captions = self._captions or open_captions(self._data)  # which says what is missing
        return self.condition(captions.draw(n, generator))

    def real_images(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw real images [n, 3, H, W] in [0, 1]. Raises AssetError without a folder of images."""
        return self._images.draw(n, generator).to(self.device)

    def pairs(self, n: int, seed: int) -> tuple[Tensor, Condition]:
        """Return codes [n, L] that the teacher sampled for n training captions, kept on disk; no image says its own."""
        return teacher_pairs(self, n, seed)

    def suite(self, split: str) -> Suite:
        """Make the suite GenEval: 'test' = the 553 prompts, 'validation' = others from the same grammar."""
        if split not in self._conditions:
            self._conditions[split] = self.condition([item.prompt for item in self._suites.items(split)])
        differing = in_features(lambda: self.backbone, "DINOv3 ViT-B/16")
        items = self._suites.items(split)
        return Suite(f"geneval-{split}", items, self._conditions[split], self._suites.score, None, differing)

    def teacher_sample(
        self,
        condition: Condition,
        steps: int,
        generators: Sequence[torch.Generator],
        model: Model | None = None,
        start: Tensor | None = None,
        **changed: Any,
    ) -> Tensor:
        """Sample codes [B, L] by the published sampler (guidance up to 12, annealed softmax); model, start: see Track.

        changed: guidance, noise (its temperature), schedule, ramp of evaluation.teacher_*.
        """
        given, empty = (TextCondition(c.tensors["text"], c.tensors["pooled"]) for c in (condition, self._empty))
        if start is None:
            start = torch.full((len(condition), self.n_tokens), self.n_codes, device=self.device)
        if changed.get("guidance") == 0:  # the published ramp begins at 1, whatever it goes to
            changed["decay"] = "none"
        if "noise" in changed:
            changed["temperature"] = changed.pop("noise")
        if not changed.pop("ramp", True):
            changed["decay"] = "none"
        settings = MaskGenSampling(steps=steps, score=self.teacher.score, **changed)
        uniform = item_uniform(list(generators), self.device)
        network: Any = self.teacher.network if model is None else _as_network(model)
        everywhere = torch.ones_like(start, dtype=torch.bool)
        return sample(network, given, empty, start, self.n_codes, settings, uniform, everywhere)

    @cached_property
    def _empty(self) -> Condition:
        return self.condition([""])


def _as_network(model: Model) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """Give a student the signature of the published network; it knows its aesthetic score."""

    def call(tokens: Tensor, text: Tensor, pooled: Tensor, _score: Tensor) -> Tensor:
        return model(tokens, Condition(("",) * len(tokens), {"text": text, "pooled": pooled}))

    return call


def _require_match(network: MaskGen, tatitok: TaTiTok, clip: ClipText) -> None:
    ours, theirs = (network.shape.codes, network.shape.tokens), (tatitok.shape.codes, tatitok.shape.tokens)
    if ours != theirs:
        raise AssetError(
            f"MaskGen writes {ours[1]} tokens of {ours[0]} codes, TA-TiTok reads {theirs[1]} of {theirs[0]}: the two "
            "files do not belong together."
        )
    widths = {network.shape.text_width, tatitok.shape.text_width, clip.shape.width, clip.shape.projection}
    if len(widths) > 1 or clip.shape.context != tatitok.shape.text_tokens:
        raise AssetError(
            f"CLIP gives {clip.shape.context} text tokens of width {clip.shape.width}; MaskGen reads width "
            f"{network.shape.text_width}, TA-TiTok {tatitok.shape.text_tokens} of {tatitok.shape.text_width}: the "
            "files do not belong together."
        )
