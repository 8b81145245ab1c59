"""Weights folders of the paper's tracks as users have them, but tiny and random: the published layout and names."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
import pytest
import timm
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, SwinConfig

from fpd_bench.models.clip_text import ClipText
from fpd_bench.models.maskgen_network import MaskGen
from fpd_bench.models.maskgit_networks import MaskGit
from fpd_bench.models.published_sizes import clip_shape, maskgen_shape, maskgit_shape, tatitok_shape, vqgan_shape
from fpd_bench.models.tatitok import TaTiTok
from fpd_bench.models.vqgan import Vqgan

NARROW_DEIT = {"embed_dim": 24, "num_heads": 3}
SMALL_VIT = {"embed_dim": 16, "depth": 12, "num_heads": 2, "img_size": 32}
VQ = {
    "codebook_size": 24, "token_size": 8, "num_latent_tokens": 12, "vit_enc_patch_size": 8, "vit_dec_patch_size": 8,
    "text_context_length": 16, "text_embed_dim": 16,
    **{f"vit_{half}_model_size": {"width": 16, "layers": 1, "heads": 2} for half in ("enc", "dec")},
}  # fmt: skip
MASKGEN = {
    "vq_model": VQ,
    "maskgen": {
        "decoder_embed_dim": 16, "decoder_depth": 2, "decoder_num_heads": 2, "micro_condition_embed_dim": 8,
        "condition_num_classes": 3, "sample_aesthetic_score": 6.5,
    },
}  # fmt: skip
CLIP = {
    "model_cfg": {
        "embed_dim": 16,
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2},
    }
}
MASKGIT = {
    "img_size": 16, "hidden_dim": 16, "codebook_size": 24, "f_factor": 4, "depth": 2, "heads": 2, "mlp_dim": 32,
    "dropout": 0.1, "nclass": 10,
}  # fmt: skip
COLOUR_CLIP = {
    "embed_dim": 16,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 16, "layers": 1, "width": 16, "head_width": 8, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
VQGAN = {
    "z_channels": 32, "resolution": 16, "in_channels": 3, "out_ch": 3, "ch": 32, "ch_mult": [1, 1, 1],
    "num_res_blocks": 1, "attn_resolutions": [4], "dropout": 0.0, "double_z": False,
}  # fmt: skip


@dataclass(frozen=True)
class Folders:
    weights: Path
    data: Path


def randomised(model: nn.Module) -> dict[str, torch.Tensor]:
    """No path silently zero; 1-D tensors near one, matrices scaled."""
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.copy_(1 + 0.1 * torch.randn_like(tensor) if tensor.dim() == 1 else torch.randn_like(tensor) * 0.2)
    return {key: value.clone() for key, value in model.state_dict().items()}


def write(path: Path, config: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(config) if path.suffix == ".yaml" else json.dumps(config))
    return path


@pytest.fixture(scope="session")
def published(tmp_path_factory) -> Folders:
    """All files of both tracks, captions and pictures."""
    root = tmp_path_factory.mktemp("weights")
    data = root / "data"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        _maskgen(root)
        _maskgit(root / "Maskgit-pytorch/pretrained_maskgit")
        _scorers(root)
        dino = root / "vit_base_patch16_dinov3.lvd1689m"
        write(dino / "config.json", {"architecture": "vit_base_patch16_dinov3", "model_args": SMALL_VIT})
        net = timm.create_model("vit_base_patch16_dinov3", num_classes=0, **SMALL_VIT)
        save_file(net.state_dict(), dino / "model.safetensors")
        deit = root / "deit_base_distilled_patch16_224.fb_in1k"
        write(deit / "config.json", {"model_args": NARROW_DEIT})
        net = timm.create_model("deit_base_distilled_patch16_224", **NARROW_DEIT)
        save_file(net.state_dict(), deit / "model.safetensors")
        (data / "images/cats").mkdir(parents=True)
        for i, size in enumerate([(40, 30), (20, 50), (16, 16)]):
            Image.new("RGB", size, (80 * i, 200, 30)).save(data / f"images/cats/{i}.png")
    (data / "captions.txt").write_text("a cat on a mat\n\nred bus\na  dog\nthree cups\n")
    return Folders(root, data)


def _maskgen(root: Path) -> None:
    teacher = write(root / "generator_maskgen_vq_l/config.json", {"model": MASKGEN, "experiment": {"name": "tiny"}})
    save_file(randomised(MaskGen(maskgen_shape(teacher))), teacher.with_name("model.safetensors"))
    sized = {"model": {"vq_model": VQ}, "dataset": {"preprocessing": {"crop_size": 32}}}
    tokenizer = write(root / "tokenizer_tatitok_bl128_vq/config.json", sized)
    save_file(randomised(TaTiTok(tatitok_shape(tokenizer))), tokenizer.with_name("model.safetensors"))
    clip = write(root / "vit_large_patch14_clip_336.openai/open_clip_config.json", CLIP)
    whole = {**randomised(ClipText(clip_shape(clip))), "visual.conv1.weight": torch.ones(3)}
    save_file(whole, clip.with_name("open_clip_model.safetensors"))


def _maskgit(root: Path) -> None:
    teacher = write(root / "MaskGIT/MaskGIT_ImageNet_256.json", MASKGIT)
    state = randomised(MaskGit(maskgit_shape(teacher)))
    torch.save({"iter": 7, "global_epoch": 1, "model_state_dict": state}, teacher.with_suffix(".pth"))
    settings = {"model": {"target": "vqgan", "params": {"embed_dim": 16, "n_embed": 24, "ddconfig": VQGAN}}}
    tokenizer = write(root / "VQGAN/model.yaml", settings)
    state = randomised(Vqgan(vqgan_shape(tokenizer))) | {"loss.discriminator.main.0.weight": torch.ones(2)}
    torch.save({"state_dict": state}, tokenizer.with_name("last.ckpt"))


def _scorers(root: Path) -> None:
    """GenEval's detector and colour classifier."""
    swin = SwinConfig(
        embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4, image_size=32,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = Mask2FormerConfig(
        backbone_config=swin, num_labels=80, hidden_dim=32, feature_size=32, mask_feature_size=32, num_queries=7,
        encoder_layers=1, decoder_layers=2, num_attention_heads=2, dim_feedforward=16, encoder_feedforward_dim=16,
    )  # fmt: skip
    folder = root / "mask2former-swin-small-coco-instance"
    Mask2FormerForUniversalSegmentation(config).save_pretrained(folder)
    clip = write(root / "vit_large_patch14_clip_224.openai/open_clip_config.json", {"model_cfg": COLOUR_CLIP})
    network = open_clip.CLIP(**COLOUR_CLIP)
    save_file(network.state_dict(), clip.with_name("open_clip_model.safetensors"))
