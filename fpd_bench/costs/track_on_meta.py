"""A track's networks on torch's meta device: every size and every operation, no weights and no memory.

The paper's tracks are drawn from the configuration files in the weights folder, or from the published sizes if there
are none; any other track is opened and emptied. Letters: B batch, L tokens, K codes, d code dimension.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fpd_bench import registry
from fpd_bench.assets.published import DINO, PUBLISHED
from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.models.clip_text import ClipText
from fpd_bench.models.condition import Condition
from fpd_bench.models.maskgen_network import MaskGen
from fpd_bench.models.maskgit_networks import MaskGit
from fpd_bench.models.published_sizes import (
    clip_shape,
    maskgen_score,
    maskgen_shape,
    maskgit_shape,
    read_config,
    tatitok_shape,
    vqgan_shape,
)
from fpd_bench.models.tatitok import TaTiTok
from fpd_bench.models.vqgan import Vqgan
from fpd_bench.tracks.maskgen import MaskGenTeacher, TaTiTokTokenizer
from fpd_bench.tracks.maskgit import MaskGitTeacher, VqganTokenizer
from fpd_bench.tracks.paper import DINO_NAME

META = torch.device("meta")


@dataclass(frozen=True)
class Blueprint:
    """resident: parameters that lie in memory beside teacher, student and backbone (tokenizer, text tower).

    condition: B -> a condition on the meta device. text: encodes B prompts; None if that costs nothing.
    """

    n_tokens: int
    n_codes: int
    teacher: nn.Module
    tokenizer: Any  # tracks.base.Tokenizer
    backbone: FeatureBackbone
    resident: int
    condition: Callable[[int], Condition]
    text: Callable[[int], Any] | None = None


def blueprint(name: str, preset: str, weights: Path | None = None) -> Blueprint:
    """Build a track's networks on the meta device. weights: the folder with the published configurations; None =
    the published sizes. Raises AssetError.
    """
    if name in BUILDERS:
        folder = weights or Path("/nonexistent")  # every reader gives the published sizes for an absent file
        paths = {file.role: file.path(folder) for file in PUBLISHED[name]}
        with META:
            return BUILDERS[name](paths)
    track = registry.tracks.get(name)(preset).to(META)

    def condition(n: int) -> Condition:
        return track.draw_conditions(n, torch.Generator().manual_seed(0))

    tokenizer = track.tokenizer
    network = getattr(tokenizer, "network", None)
    resident = parameters(network) if network else tokenizer.codebook.numel()
    return Blueprint(track.n_tokens, track.n_codes, track.teacher, tokenizer, track.backbone, resident, condition)


def parameters(*modules: nn.Module) -> int:
    """Count how many numbers the modules hold, buffers included, shared ones once."""
    tensors = {id(t): t for module in modules for t in [*module.parameters(), *module.buffers()]}
    return sum(t.numel() for t in tensors.values())


def _maskgen(paths: dict[str, Path]) -> Blueprint:
    config = paths["teacher"].with_name("config.json")
    network = MaskGen(maskgen_shape(config))
    tatitok = TaTiTok(tatitok_shape(paths["tokenizer"].with_name("config.json")))
    clip = ClipText(clip_shape(paths["text"].with_name("open_clip_config.json")))

    def condition(n: int) -> Condition:
        with META:
            text = torch.empty(n, clip.shape.context, clip.shape.width)
            pooled = torch.empty(n, 1, clip.shape.projection)
        return Condition(("",) * n, {"text": text, "pooled": pooled, "guide": text})

    def encode(n: int) -> Any:
        return clip(torch.zeros(n, clip.shape.context, dtype=torch.long, device=META))

    for module in (network, tatitok, clip):
        module.eval().requires_grad_(False)
    return Blueprint(
        network.shape.tokens,
        network.shape.codes,
        MaskGenTeacher(network, maskgen_score(config)),
        TaTiTokTokenizer(tatitok),
        _backbone(paths),
        parameters(tatitok, clip),
        condition,
        encode,
    )


def _maskgit(paths: dict[str, Path]) -> Blueprint:
    network = MaskGit(maskgit_shape(paths["teacher"].with_suffix(".json")))
    vqgan = Vqgan(vqgan_shape(paths["tokenizer"].with_name("model.yaml")))

    def condition(n: int) -> Condition:
        with META:
            tensors = {"label": torch.zeros(n, dtype=torch.long), "dropped": torch.zeros(n, dtype=torch.bool)}
        return Condition(("",) * n, tensors)

    for module in (network, vqgan):
        module.eval().requires_grad_(False)
    return Blueprint(
        network.shape.tokens,
        network.shape.codes,
        MaskGitTeacher(network),
        VqganTokenizer(vqgan),
        _backbone(paths),
        parameters(vqgan),
        condition,
    )


def _backbone(paths: dict[str, Path]) -> FeatureBackbone:
    config = read_config(paths["backbone"].with_name(DINO.extras[0])) or {}
    name = config.get("architecture", DINO_NAME)
    return FeatureBackbone(name, pretrained=False, model_args=config.get("model_args"))


BUILDERS: dict[str, Callable[[dict[str, Path]], Blueprint]] = {"maskgen": _maskgen, "maskgit": _maskgit}
