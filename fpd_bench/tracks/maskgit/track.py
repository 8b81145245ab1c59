"""The class-conditional track of the paper (Table 2): MaskGIT-pytorch v1 on ImageNet 256 x 256. Registry `maskgit`.

Weights, pictures and ImageNet's statistics come from the user's folders (assets/published_files.py).
"""

import copy
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from timm.data.imagenet_info import ImageNetInfo
from torch import Tensor, nn

from fpd_bench.assets.environment import data_folder
from fpd_bench.assets.required_files import reference_file, require
from fpd_bench.assets.weight_shards import digest
from fpd_bench.bench import Item, Model, Suite
from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.fidelity.presets import preset
from fpd_bench.evals.fidelity.suites import against_file
from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.models.condition import Condition
from fpd_bench.models.maskgit_networks import MaskGit
from fpd_bench.models.maskgit_sampler import ItemDraws, MaskGitSampling, sample
from fpd_bench.models.perturbation import Perturbation
from fpd_bench.models.vqgan import Vqgan
from fpd_bench.models.weight_loading import load_weights
from fpd_bench.registry import tracks
from fpd_bench.tracks.maskgit.declaration import FILES
from fpd_bench.tracks.maskgit.networks import build_teacher, build_tokenizer
from fpd_bench.tracks.pairs import teacher_pairs
from fpd_bench.tracks.paper import load_backbone, paths_of
from fpd_bench.tracks.pictures import RealImages


class MaskGitTeacher(nn.Module):
    """MaskGIT in the bench's words: (codes [B, L] or weights [B, L, K + 1], condition) -> logits [B, L, K].

    The logit of the mask id is dropped. Keep it in eval(): the network has dropout.
    """

    def __init__(self, network: MaskGit):
        super().__init__()
        self.network, self.width = network, network.shape.width

    def embeddings(self) -> list[Tensor]:
        """List the embeddings of tokens and their places, to which the output layer is tied."""
        return [self.network.tok_emb.weight, self.network.pos_emb, self.network.bias]

    def forward(
        self,
        tokens: Tensor,
        condition: Condition,
        perturbation: Perturbation | None = None,
        extra: Tensor | None = None,
    ) -> Tensor:
        label, dropped = condition.tensors["label"], condition.tensors["dropped"]
        return self.network(tokens, label, dropped, perturbation, extra)[..., : self.network.shape.codes]

    def layers(self) -> list[nn.Module]:
        """List the blocks of the transformer."""
        return list(self.network.transformer.layers)

    def image_part(self, state: Tensor) -> Tensor:
        """Cut the image's tokens out of what a block gives, [B, L, W]."""
        return state[:, : self.network.shape.tokens]


class VqganTokenizer:
    """The VQGAN with images in [0, 1]."""

    def __init__(self, network: Vqgan):
        self.network = network
        self.codebook: Tensor = network.codebook

    def to(self, device: torch.device | str) -> None:
        """Move the network."""
        self.codebook = self.network.to(device).codebook

    def encode(self, images: Tensor) -> Tensor:
        """Encode images: [B, 3, H, W] in [0, 1] -> codes [B, L]."""
        return self.network.encode(images * 2 - 1)

    def decode(self, embeddings: Tensor, condition: Condition | None = None) -> Tensor:
        """Decode embeddings: [B, L, d] -> [B, 3, H, W], about [0, 1], not clamped; the condition plays no part."""
        return (self.network.decode(embeddings) + 1) / 2


@tracks.register("maskgit")
class MaskGitTrack:
    """weights, data: folders; by default $FPD_WEIGHTS and $FPD_DATA. Raises AssetError for what is missing."""

    name = "maskgit"
    label_smoothing = 0.1  # of the cross-entropy that its teacher was trained with

    def __init__(self, preset_name: str = "default", weights: Path | None = None, data: Path | None = None):
        self.preset = preset_name
        folder = weights or require(FILES)
        self._folder, self._paths = folder, paths_of(FILES, folder)
        network = build_teacher(self._paths["teacher"])
        vqgan = build_tokenizer(self._paths["tokenizer"])
        _require_match(network, vqgan)
        load_weights(network, self._paths["teacher"], "maskgit")
        load_weights(vqgan, self._paths["tokenizer"], "vqgan")
        self.teacher = MaskGitTeacher(network).eval().requires_grad_(False)
        self.tokenizer = VqganTokenizer(vqgan.eval().requires_grad_(False))
        self.n_tokens, self.n_codes = network.shape.tokens, network.shape.codes
        self.assets = {f"maskgit/{role}": digest(path) for role, path in self._paths.items()}
        self._images = RealImages(data or data_folder(folder), vqgan.shape.resolution)
        if self._images:
            self.assets["maskgit/images"] = self._images.digest
        names = ImageNetInfo()
        self.device = torch.device("cpu")
        self._words = [f"{i} {names.index_to_description(i).split(',')[0]}" for i in range(network.shape.classes)]

    @cached_property
    def backbone(self) -> FeatureBackbone:
        """Open DINOv3 ViT-B/16, all blocks."""
        return load_backbone(self._paths["backbone"]).to(self.device)

    def to(self, device: torch.device | str) -> "MaskGitTrack":
        """Move teacher, VQGAN and, if it is loaded, the backbone."""
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
        """Read classes by number ("207"), by name, or both ("207 golden retriever"). Raises ConfigError."""
        return self._condition_of(torch.tensor([self._label(text) for text in texts], dtype=torch.long))

    def null_condition(self, n: int) -> Condition:
        """Return n conditions without a class."""
        labels = torch.zeros(n, dtype=torch.long)
        return Condition(("",) * n, {"label": labels, "dropped": torch.ones(n, dtype=torch.bool)}).to(self.device)

    def draw_conditions(self, n: int, generator: torch.Generator) -> Condition:
        """Draw n uniform classes."""
        return self._condition_of(torch.randint(len(self._words), (n,), generator=generator))

    def real_images(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw real images [n, 3, H, W] in [0, 1]. Raises AssetError without a folder of images."""
        return self._images.draw(n, generator).to(self.device)

    def pairs(self, n: int, seed: int) -> tuple[Tensor, Condition]:
        """Return codes [n, L] that the teacher sampled for n training classes, kept on disk; no image says its own."""
        return teacher_pairs(self, n, seed)

    def suite(self, split: str) -> Suite:
        """Make the suite: every class once, all images together against ADM's reference; the paper's 50,000 = 50
        images a class.
        """
        items = tuple(Item(f"{i:04d}", words, {"label": i}) for i, words in enumerate(self._words))
        condition = self.condition([item.prompt for item in items])
        return Suite(f"imagenet-{split}", items, condition, None, self._fidelity)

    def _fidelity(self, samples: Path, device: str, progress: Callable[[int, int], None]) -> list[dict[str, Any]]:
        measured = against_file(reference_file(self._folder), preset("adm"))
        return measured(samples, device, progress)

    def teacher_sample(
        self,
        condition: Condition,
        steps: int,
        generators: Sequence[torch.Generator],
        model: Model | None = None,
        start: Tensor | None = None,
        **changed: Any,
    ) -> Tensor:
        """Sample codes [B, L] by the published sampler (Gumbel confidence, guidance ramp to 3); model, start: see
        Track.

        changed: guidance, noise (its temperature), schedule, ramp of evaluation.teacher_*.
        """
        if start is None:
            start = torch.full((len(condition), self.n_tokens), self.n_codes, device=self.device)
        if "noise" in changed:
            changed["gumbel_temperature"] = changed.pop("noise")
        settings, draws = MaskGitSampling(steps=steps, **changed), ItemDraws(list(generators))
        network: Any = self.teacher.network if model is None else _as_network(model)
        everywhere = torch.ones_like(start, dtype=torch.bool)
        return sample(network, condition.tensors["label"], start, self.n_codes, settings, draws, everywhere)

    def _condition_of(self, labels: Tensor) -> Condition:
        dropped = torch.zeros(len(labels), dtype=torch.bool)
        words = tuple(self._words[i] for i in labels.tolist())
        return Condition(words, {"label": labels, "dropped": dropped}).to(self.device)

    def _label(self, text: str) -> int:
        number = text.strip().partition(" ")[0]
        if number.isdigit() and int(number) < len(self._words):
            return int(number)
        wanted = text.strip().lower()
        found = [i for i, words in enumerate(self._words) if words.partition(" ")[2].lower() == wanted]
        if len(found) != 1:
            raise ConfigError(
                f"'{text}' is not an ImageNet class. Give a number from 0 to {len(self._words) - 1}, or a name such as "
                f"'{self._words[0].partition(' ')[2]}'."
            )
        return found[0]


def _as_network(model: Model) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Give a student the signature of the published network; it has no logit of the mask id."""

    def call(tokens: Tensor, labels: Tensor, dropped: Tensor) -> Tensor:
        return model(tokens, Condition(("",) * len(tokens), {"label": labels, "dropped": dropped}))

    return call


def _require_match(network: MaskGit, vqgan: Vqgan) -> None:
    ours, theirs = (network.shape.codes, network.shape.grid), (vqgan.shape.codes, vqgan.shape.grid)
    if ours != theirs:
        raise AssetError(
            f"MaskGIT has {ours[0]} codes on a {ours[1]} x {ours[1]} grid, its VQGAN {theirs[0]} on {theirs[1]} x "
            f"{theirs[1]}: the two files do not belong together."
        )
