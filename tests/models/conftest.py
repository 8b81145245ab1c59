"""The published models' golden data: tensors, their configuration, and the tolerance they are held to."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from fpd_bench.models.maskgen_network import MaskGen, MaskGenShape
from fpd_bench.models.maskgit_networks import MaskGit, MaskGitShape
from fpd_bench.models.tatitok import TaTiTok, TaTiTokShape, VitSize
from fpd_bench.models.vqgan import Vqgan, VqganShape


@dataclass(frozen=True)
class Golden:
    """Reference tensors of one published implementation."""

    tensors: dict[str, Tensor]
    config: dict[str, Any]

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors under `prefix`, without it: a state_dict."""
        return {k.removeprefix(prefix): v for k, v in self.tensors.items() if k.startswith(prefix)}

    def check(self, ours: Tensor, name: str) -> None:
        """Fail unless `ours` equals the reference `name` within the golden data's tolerance."""
        torch.testing.assert_close(ours.detach(), self.tensors[name], atol=2e-4, rtol=1e-3)


@pytest.fixture(scope="session")
def golden_of(golden_dir: Path, golden_set: str) -> Callable[[str], Golden]:
    """golden_of("maskgit") reads maskgit_<set>.safetensors and .json."""

    def load(name: str) -> Golden:
        base = golden_dir / f"{name}_{golden_set}"
        return Golden(load_file(base.with_suffix(".safetensors")), json.loads(base.with_suffix(".json").read_text()))

    return load


@pytest.fixture(scope="session")
def published_keys(golden_dir: Path) -> Callable[[str, str], dict[str, Any]]:
    """published_keys("maskgit", "vqgan"): keys, shapes and parameter count of the full-size model."""

    def load(file: str, model: str) -> dict[str, Any]:
        return json.loads((golden_dir / f"keys_{file}.json").read_text())[model]

    return load


# --------------------------------------------------- our models at the golden data's sizes, with the golden weights
def filled(model: nn.Module, golden: Golden, prefix: str) -> Any:
    model.load_state_dict(golden.part(prefix))
    return model.eval()


@pytest.fixture
def small_maskgit(golden_of) -> MaskGit:
    golden = golden_of("maskgit")
    tr = golden.config["tr"]
    shape = MaskGitShape(
        codes=tr["codebook_size"],
        grid=tr["f_factor"],  # v1's name for the side of the token grid
        classes=tr["nclass"],
        width=tr["hidden_dim"],
        depth=tr["depth"],
        heads=tr["heads"],
        hidden=tr["mlp_dim"],
        dropout=tr["dropout"],
    )
    return filled(MaskGit(shape), golden, "sd.")


@pytest.fixture
def small_vqgan(golden_of) -> Vqgan:
    golden = golden_of("maskgit")
    vq = golden.config["vq"]
    shape = VqganShape(
        codes=golden.config["tr"]["codebook_size"],
        dim=golden.config["embed_dim"],
        channels=vq["ch"],
        multipliers=tuple(vq["ch_mult"]),
        blocks=vq["num_res_blocks"],
        attention=tuple(vq["attn_resolutions"]),
        resolution=vq["resolution"],
        latent=vq["z_channels"],
    )
    return filled(Vqgan(shape), golden, "vq.")


@pytest.fixture
def small_maskgen(golden_of) -> MaskGen:
    golden = golden_of("maskgen")
    vq, mg = golden.config["model"]["vq_model"], golden.config["model"]["maskgen"]
    shape = MaskGenShape(
        codes=vq["codebook_size"],
        tokens=vq["num_latent_tokens"],
        width=mg["decoder_embed_dim"],
        depth=mg["decoder_depth"],
        heads=mg["decoder_num_heads"],
        text_width=vq["text_embed_dim"],
        score_width=mg["micro_condition_embed_dim"],
        unused_classes=mg["condition_num_classes"],
    )
    return filled(MaskGen(shape), golden, "mg.")


@pytest.fixture
def small_tatitok(golden_of) -> TaTiTok:
    golden = golden_of("maskgen")
    vq, vit = golden.config["model"]["vq_model"], golden.config["tiny_vit"]
    size = VitSize(vit["width"], vit["layers"], vit["heads"])
    shape = TaTiTokShape(
        codes=vq["codebook_size"],
        dim=vq["token_size"],
        tokens=vq["num_latent_tokens"],
        resolution=golden.config["crop_size"],
        patch=vq["vit_dec_patch_size"],
        encoder=size,
        decoder=size,
        text_tokens=vq["text_context_length"],
        text_width=vq["text_embed_dim"],
    )
    return filled(TaTiTok(shape), golden, "tt.")


class TraceChecker:
    """A model that checks each call against a recorded trace: the original's input, the original's logits."""

    def __init__(self, model: nn.Module, golden: Golden, inputs: str):
        self.model, self.golden, self.inputs, self.calls = model, golden, inputs, 0

    def __call__(self, tokens: Tensor, *condition: Tensor) -> Tensor:
        reference = self.golden[f"trace.{self.calls}.{self.inputs}"].flatten(1)
        assert torch.equal(tokens, reference), f"step {self.calls} sees other tokens than the original did"
        logits = self.model(tokens, *condition)
        self.golden.check(logits, f"trace.{self.calls}.logits_2B_cond_then_uncond")
        self.calls += 1
        return logits


@pytest.fixture(scope="session")
def trace_checker() -> type[TraceChecker]:
    """The class, for tests of samplers."""
    return TraceChecker
