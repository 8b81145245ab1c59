"""Configuration files of the published models: their sizes, their defaults, and what is refused in clear words."""

import json

import pytest
import yaml

from fpd_bench.errors import AssetError
from fpd_bench.models.published_sizes import (
    clip_shape,
    maskgen_score,
    maskgen_shape,
    maskgit_shape,
    tatitok_shape,
    vqgan_shape,
)

MASKGEN = {  # of the repository's inference settings for MaskGen-L
    "vq_model": {
        "quantize_mode": "vq", "codebook_size": 8192, "token_size": 64, "use_l2_norm": False, "commitment_cost": 0.25,
        "clustering_vq": False, "vit_enc_model_size": "base", "vit_dec_model_size": "large", "vit_enc_patch_size": 16,
        "vit_dec_patch_size": 16, "num_latent_tokens": 128, "finetune_decoder": False, "is_legacy": False,
    },
    "maskgen": {
        "decoder_embed_dim": 1024, "decoder_depth": 16, "decoder_num_heads": 16, "micro_condition": True,
        "micro_condition_embed_dim": 256, "text_drop_prob": 0.1, "condition_num_classes": 1000, "cfg": 12.0,
        "num_iter": 16, "temperature": 2.0, "sample_aesthetic_score": 6.5,
    },
}  # fmt: skip
VQGAN = {
    "embed_dim": 256, "n_embed": 1024,
    "ddconfig": {
        "double_z": False, "z_channels": 256, "resolution": 256, "in_channels": 3, "out_ch": 3, "ch": 128,
        "ch_mult": [1, 1, 2, 2, 4], "num_res_blocks": 2, "attn_resolutions": [16], "dropout": 0.0,
    },
}  # fmt: skip
CLIP = {
    "embed_dim": 768,
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 768, "heads": 12, "layers": 12},
}
CTOR = {
    "img_size": 256, "hidden_dim": 768, "codebook_size": 1024, "f_factor": 16, "depth": 24, "heads": 16,
    "mlp_dim": 3072, "dropout": 0.1, "nclass": 1000,
}  # fmt: skip
FILES = {
    maskgen_shape: ("config.json", {"model": MASKGEN, "dataset": {"preprocessing": {"crop_size": 256}}}),
    tatitok_shape: ("config.json", {"model": MASKGEN, "dataset": {"preprocessing": {"crop_size": 256}}}),
    vqgan_shape: ("model.yaml", {"model": {"target": "taming.models.vqgan.VQModel", "params": VQGAN}}),
    clip_shape: ("open_clip_config.json", {"model_cfg": CLIP, "preprocess_cfg": {}}),
    maskgit_shape: ("MaskGIT_ImageNet_256.json", CTOR),
}


def written(folder, reader, change=lambda config: None):
    name, config = FILES[reader]
    config = json.loads(json.dumps(config))
    change(config)
    path = folder / name
    path.write_text(yaml.safe_dump(config) if name.endswith("yaml") else json.dumps(config))
    return path


@pytest.mark.parametrize("reader", FILES, ids=lambda reader: reader.__name__)
def test_the_published_settings_are_the_sizes_that_hold_without_a_file(tmp_path, reader):
    assert reader(written(tmp_path, reader)) == reader(tmp_path / "absent.json")


def test_the_aesthetic_score_is_the_files_else_the_published_codes(tmp_path):
    assert maskgen_score(tmp_path / "absent.json") == maskgen_score(written(tmp_path, maskgen_shape)) == 6.5
    without = written(tmp_path, maskgen_shape, lambda c: c["model"]["maskgen"].pop("sample_aesthetic_score"))
    assert maskgen_score(without) == 6.0


def numbers(config, at=()):
    """The paths of all settings that are whole numbers or lists of them."""
    for key, value in config.items():
        if isinstance(value, dict):
            yield from numbers(value, (*at, key))
        elif not isinstance(value, bool) and isinstance(value, int | list):
            yield (*at, key)


def removed(config, path):
    for key in path[:-1]:
        config = config[key]
    return config.pop(path[-1])


READ = {  # settings that our sizes come from
    reader: [path for path in numbers(config) if path[-1] not in ("num_iter", "img_size", "in_channels", "out_ch")]
    for reader, (_, config) in FILES.items()
}
READ[maskgen_shape] = [
    p for p in READ[maskgen_shape] if p[-1] not in ("token_size", "crop_size") and "patch" not in p[-1]
]
READ[tatitok_shape] = [p for p in READ[tatitok_shape] if "maskgen" not in p and p[-1] != "vit_enc_patch_size"]


@pytest.mark.parametrize(
    ("reader", "path"),
    [(reader, path) for reader, paths in READ.items() for path in paths],
    ids=lambda value: getattr(value, "__name__", None) or ".".join(value),
)
def test_a_setting_that_is_missing_or_no_number_is_named(tmp_path, reader, path):
    name = ".".join(path)
    with pytest.raises(AssetError, match=f"lacks the setting {name} .*Fetch it again"):
        reader(written(tmp_path, reader, lambda config: removed(config, path)))

    def spelt(config):
        removed(config, path)
        for key in path[:-1]:
            config = config[key]
        config[path[-1]] = "sixteen"

    with pytest.raises(AssetError, match=f"{name} must be a (whole number above 0|list of whole numbers); got"):
        reader(written(tmp_path, reader, spelt))


@pytest.mark.parametrize(
    ("reader", "section", "key", "value"),
    [
        (maskgen_shape, "maskgen", "micro_condition", False),
        (maskgen_shape, "maskgen", "weight_tying", False),
        (maskgen_shape, "maskgen", "mask_schedule_strategy", "cosine"),
        (maskgen_shape, "vq_model", "quantize_mode", "vae"),
        (tatitok_shape, "vq_model", "use_l2_norm", True),
        (tatitok_shape, "vq_model", "quantize_mode", "vae"),
        (tatitok_shape, "vq_model", "is_legacy", True),
        (tatitok_shape, "vq_model", "finetune_decoder", True),
        (tatitok_shape, "vq_model", "vit_enc_patch_size", 8),
        (vqgan_shape, "params", "ddconfig", {**VQGAN["ddconfig"], "double_z": True}),
    ],
)
def test_what_is_not_implemented_is_refused_not_ignored(tmp_path, reader, section, key, value):
    path = written(tmp_path, reader, lambda config: config["model"][section].update({key: value}))
    with pytest.raises(AssetError, match=f"asks for model.{section}.{key}.* implemented here"):
        reader(path)


@pytest.mark.parametrize("content", ["[1, 2]", "model: 3", "{}", "model: {vq_model: [], maskgen: 3}", "model: [1"])
@pytest.mark.parametrize("reader", FILES, ids=lambda reader: reader.__name__)
def test_something_else_is_one_clear_line(tmp_path, reader, content):
    path = tmp_path / FILES[reader][0]
    path.write_text(content)
    with pytest.raises(AssetError, match=str(path)):
        reader(path)
