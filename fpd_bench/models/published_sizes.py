"""Sizes of the published models from the configuration files beside their weights; the published sizes without one."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from fpd_bench.errors import AssetError
from fpd_bench.models.maskgen import MaskGenShape
from fpd_bench.models.maskgit import MaskGitShape
from fpd_bench.models.tatitok import TaTiTokShape, VitSize
from fpd_bench.models.text import ClipTextShape
from fpd_bench.models.vqgan import VqganShape

VIT_SIZES = {"small": VitSize(512, 8, 8), "base": VitSize(768, 12, 12), "large": VitSize(1024, 24, 16)}


def read_config(path: Path) -> dict[str, Any] | None:
    """A .json or .yaml mapping; None if there is no such file. Raises AssetError if it is something else."""
    if not path.is_file():
        return None
    try:
        content = yaml.safe_load(path.read_text())  # JSON is YAML
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise AssetError(f"'{path}' cannot be read: {error} Fetch it again.") from error
    if not isinstance(content, dict):
        raise AssetError(f"'{path}' holds no settings but {json.dumps(content)[:60]}. Fetch it again.")
    return content


def maskgen_shape(path: Path) -> MaskGenShape:
    """From `config.json` of the hub's generator_maskgen_vq_l. Raises AssetError."""
    model = _section(path, "model", "maskgen")
    if model is None:
        return MaskGenShape()
    vq, generator = model.get("vq_model", {}), model["maskgen"]
    return _shape(
        path,
        lambda: MaskGenShape(
            codes=vq["codebook_size"],
            tokens=vq["num_latent_tokens"],
            width=generator["decoder_embed_dim"],
            depth=generator["decoder_depth"],
            heads=generator["decoder_num_heads"],
            text_width=vq.get("text_embed_dim", 768),
            score_width=generator["micro_condition_embed_dim"],
            unused_classes=generator["condition_num_classes"],
        ),
    )


def maskgen_score(path: Path) -> float:
    """The aesthetic score that MaskGen's `config.json` samples with; 6.5 without one."""
    model = _section(path, "model", "maskgen")
    return float(model["maskgen"].get("sample_aesthetic_score", 6.5)) if model else 6.5


def tatitok_shape(path: Path) -> TaTiTokShape:
    """From `config.json` of the hub's tokenizer_tatitok_bl128_vq. Raises AssetError."""
    model = _section(path, "model", "vq_model")
    if model is None:
        return TaTiTokShape()
    vq, whole = model["vq_model"], read_config(path) or {}
    size = whole.get("dataset", {}).get("preprocessing", {}).get("crop_size", whole.get("crop_size", 256))
    return _shape(
        path,
        lambda: TaTiTokShape(
            codes=vq["codebook_size"],
            dim=vq["token_size"],
            tokens=vq["num_latent_tokens"],
            resolution=size,
            patch=vq["vit_dec_patch_size"],
            encoder=_vit(vq["vit_enc_model_size"]),
            decoder=_vit(vq["vit_dec_model_size"]),
            text_tokens=vq.get("text_context_length", 77),
            text_width=vq.get("text_embed_dim", 768),
        ),
    )


def clip_shape(path: Path) -> ClipTextShape:
    """From `open_clip_config.json`. Raises AssetError."""
    model = _section(path, "model_cfg", "text_cfg")
    if model is None:
        return ClipTextShape()
    text = model["text_cfg"]
    return _shape(
        path,
        lambda: ClipTextShape(
            text["context_length"],
            text["vocab_size"],
            text["width"],
            text["heads"],
            text["layers"],
            model["embed_dim"],
        ),
    )


def maskgit_shape(path: Path) -> MaskGitShape:
    """From a .json beside the .pth with v1's constructor arguments; v1 publishes none, so usually the defaults."""
    ctor = read_config(path)
    if ctor is None:
        return MaskGitShape()
    return _shape(
        path,
        lambda: MaskGitShape(
            codes=ctor["codebook_size"],
            grid=ctor["f_factor"],  # v1's name for the side of the token grid
            classes=ctor["nclass"],
            width=ctor["hidden_dim"],
            depth=ctor["depth"],
            heads=ctor["heads"],
            hidden=ctor["mlp_dim"],
            dropout=ctor["dropout"],
        ),
    )


def vqgan_shape(path: Path) -> VqganShape:
    """From taming's `model.yaml`. Raises AssetError."""
    model = _section(path, "model", "params")
    if model is None:
        return VqganShape()
    params = model["params"]
    return _shape(
        path,
        lambda: VqganShape(
            codes=params["n_embed"],
            dim=params["embed_dim"],
            channels=params["ddconfig"]["ch"],
            multipliers=tuple(params["ddconfig"]["ch_mult"]),
            blocks=params["ddconfig"]["num_res_blocks"],
            attention=tuple(params["ddconfig"]["attn_resolutions"]),
            resolution=params["ddconfig"]["resolution"],
            latent=params["ddconfig"]["z_channels"],
        ),
    )


def _section(path: Path, wrapper: str, needed: str) -> Mapping[str, Any] | None:
    """The part of a configuration that holds `needed`, inside `wrapper` or at the top; None if there is no file."""
    config = read_config(path)
    if config is None:
        return None
    inner = config.get(wrapper, config)
    if not isinstance(inner, dict) or not isinstance(inner.get(needed), dict):
        raise AssetError(f"'{path}' has no section {wrapper}.{needed}: is it another model's? Fetch it again.")
    return inner


def _vit(size: str | Mapping[str, int]) -> VitSize:
    return VIT_SIZES[size] if isinstance(size, str) else VitSize(size["width"], size["layers"], size["heads"])


def _shape(path: Path, build: Any) -> Any:
    try:
        return build()
    except (KeyError, TypeError) as error:
        raise AssetError(f"'{path}' lacks the setting {error}: is it another model's? Fetch it again.") from error
