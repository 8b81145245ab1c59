"""Sizes of the published models from the configuration files beside their weights; the published sizes without one.

A setting that our networks do not have is refused, not ignored: the weights would load, and draw something else.
"""

from collections.abc import Mapping
from pathlib import Path

from fpd_bench.models.clip_text import ClipTextShape
from fpd_bench.models.maskgen_network import MaskGenShape
from fpd_bench.models.maskgit_networks import MaskGitShape
from fpd_bench.models.settings import Settings, read_config
from fpd_bench.models.tatitok import TaTiTokShape, VitSize
from fpd_bench.models.vqgan import VqganShape

__all__ = [
    "clip_shape", "maskgen_score", "maskgen_shape", "maskgit_shape", "read_config", "tatitok_shape", "vqgan_shape",
]  # fmt: skip

VIT_SIZES = {"small": VitSize(512, 8, 8), "base": VitSize(768, 12, 12), "large": VitSize(1024, 24, 16)}
PUBLISHED_SCORE = 6.5  # of MaskGen-L's config.json
SCORE_WITHOUT = 6.0  # of the published code, where a config.json has none


def maskgen_shape(path: Path) -> MaskGenShape:
    """Read MaskGen's sizes from `config.json` of the hub's generator_maskgen_vq_l. Raises AssetError."""
    model = _model(path)
    if model is None:
        return MaskGenShape()
    vq, generator = model.section("vq_model"), model.section("maskgen")
    generator.expect("micro_condition", True)
    generator.expect("weight_tying", True)
    generator.expect("mask_schedule_strategy", "arccos")
    vq.expect("quantize_mode", "vq")
    return MaskGenShape(
        codes=vq.count("codebook_size"),
        tokens=vq.count("num_latent_tokens"),
        width=generator.count("decoder_embed_dim"),
        depth=generator.count("decoder_depth"),
        heads=generator.count("decoder_num_heads"),
        text_width=vq.count("text_embed_dim", 768),
        score_width=generator.count("micro_condition_embed_dim"),
        unused_classes=generator.count("condition_num_classes"),
    )


def maskgen_score(path: Path) -> float:
    """Read the aesthetic score that MaskGen's `config.json` samples with; the published one without a file.

    Raises AssetError.
    """
    model = _model(path)
    return model.section("maskgen").number("sample_aesthetic_score", SCORE_WITHOUT) if model else PUBLISHED_SCORE


def tatitok_shape(path: Path) -> TaTiTokShape:
    """Read TA-TiTok's sizes from `config.json` of the hub's tokenizer_tatitok_bl128_vq. Raises AssetError."""
    model = _model(path)
    if model is None:
        return TaTiTokShape()
    vq = model.section("vq_model")
    for key, only in (
        ("use_l2_norm", False),
        ("quantize_mode", "vq"),
        ("is_legacy", False),
        ("finetune_decoder", False),
    ):
        vq.expect(key, only)
    patch = vq.count("vit_dec_patch_size")
    vq.expect("vit_enc_patch_size", patch)
    return TaTiTokShape(
        codes=vq.count("codebook_size"),
        dim=vq.count("token_size"),
        tokens=vq.count("num_latent_tokens"),
        resolution=_resolution(path),
        patch=patch,
        encoder=_vit(vq, "vit_enc_model_size"),
        decoder=_vit(vq, "vit_dec_model_size"),
        text_tokens=vq.count("text_context_length", 77),
        text_width=vq.count("text_embed_dim", 768),
    )


def clip_shape(path: Path) -> ClipTextShape:
    """Read CLIP's sizes from `open_clip_config.json`. Raises AssetError."""
    config = read_config(path)
    if config is None:
        return ClipTextShape()
    settings = Settings(path, config)
    model = settings.section("model_cfg") if "model_cfg" in config else settings
    model.expect("quick_gelu", True)  # OpenAI's weights have it; their file does not say so
    text = model.section("text_cfg")
    text.expect("hf_model_name", None)
    return ClipTextShape(
        text.count("context_length"),
        text.count("vocab_size"),
        text.count("width"),
        text.count("heads"),
        text.count("layers"),
        model.count("embed_dim"),
    )


def maskgit_shape(path: Path) -> MaskGitShape:
    """Read MaskGIT's sizes from a .json beside the .pth with v1's constructor arguments.

    v1 publishes none, so the sizes are usually the defaults.

    Raises AssetError.
    """
    config = read_config(path)
    if config is None:
        return MaskGitShape()
    ctor = Settings(path, config)
    return MaskGitShape(
        codes=ctor.count("codebook_size"),
        grid=ctor.count("f_factor"),  # v1's name for the side of the token grid
        classes=ctor.count("nclass"),
        width=ctor.count("hidden_dim"),
        depth=ctor.count("depth"),
        heads=ctor.count("heads"),
        hidden=ctor.count("mlp_dim"),
        dropout=ctor.number("dropout"),
    )


def vqgan_shape(path: Path) -> VqganShape:
    """Read the VQGAN's sizes from taming's `model.yaml`. Raises AssetError."""
    model = _model(path)
    if model is None:
        return VqganShape()
    params = model.section("params")
    sizes = params.section("ddconfig")
    for key, only in (("double_z", False), ("in_channels", 3), ("out_ch", 3)):
        sizes.expect(key, only)
    return VqganShape(
        codes=params.count("n_embed"),
        dim=params.count("embed_dim"),
        channels=sizes.count("ch"),
        multipliers=sizes.counts("ch_mult"),
        blocks=sizes.count("num_res_blocks"),
        attention=sizes.counts("attn_resolutions"),
        resolution=sizes.count("resolution"),
        latent=sizes.count("z_channels"),
    )


def _model(path: Path) -> Settings | None:
    """Read the section `model`, or the whole file where it has none; None if there is no file."""
    config = read_config(path)
    if config is None:
        return None
    settings = Settings(path, config)
    return settings.section("model") if "model" in config else settings


def _resolution(path: Path) -> int:
    """Return the side of TA-TiTok's images, which stands outside its model section."""
    settings = Settings(path, read_config(path) or {})
    if "dataset" in settings.content:
        return settings.section("dataset").section("preprocessing").count("crop_size")
    return settings.count("crop_size", 256)


def _vit(vq: Settings, key: str) -> VitSize:
    found = vq.content.get(key)
    if not isinstance(found, Mapping):
        size: VitSize = vq.choice(key, VIT_SIZES)
        return size
    own = vq.section(key)
    return VitSize(own.count("width"), own.count("layers"), own.count("heads"))
