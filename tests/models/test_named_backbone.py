"""Phi by name: the embedded network, a transformer from the weights folder, and what cannot be had."""

import timm
import torch
from safetensors.torch import save_file

from fpd_bench.config.compose import compose
from fpd_bench.distill.spaces import FeatureSpace
from fpd_bench.models.named_backbone import backbone_assets, open_backbone
from fpd_bench.registry import tracks

SIZES = {"embed_dim": 16, "depth": 3, "num_heads": 2, "img_size": 32}
NAME = "vit_tiny_patch16_224"


def test_a_transformer_from_the_weights_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FPD_WEIGHTS", str(tmp_path))
    folder = tmp_path / f"{NAME}.augreg_in21k"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_args": {"embed_dim": 16, "depth": 3, "num_heads": 2, "img_size": 32}}')
    net = timm.create_model(NAME, num_classes=0, **SIZES)
    save_file(net.state_dict(), folder / "model.safetensors")
    backbone = open_backbone(NAME)
    assert backbone.valid_blocks == (0, 1, 2) and not any(p.requires_grad for p in backbone.parameters())
    assert backbone(torch.rand(2, 3, 32, 32))[1].shape == (2, 16, 2, 2)
    assert len(backbone_assets(NAME)[f"backbone/{NAME}"]) == 64 and backbone_assets("vit_base_patch16_dinov3") == {}


def test_the_drift_uses_the_backbone_that_is_named(monkeypatch):
    monkeypatch.delenv("FPD_WEIGHTS", raising=False)
    track = tracks.get("shapes")("default")
    config = compose(["drift.backbone=tf_efficientnet_lite0", "drift.blocks=[0,1]"])
    space = FeatureSpace.build(config.drift, track)
    assert space.backbone is not track.backbone and set(space(torch.rand(2, 3, 32, 32))) == {"block0", "block1"}
