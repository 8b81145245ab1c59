"""Vision transformers as Phi: the right blocks, no prefix tokens, the model's own normalisation, local weights."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.models.discriminator import LightDiscriminator

DINO = "vit_base_patch16_dinov3"
SMALL = {"embed_dim": 32, "depth": 4, "num_heads": 2}


def images(n=2, side=64):
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """(network, its weights file) of a small DINOv3."""
    torch.manual_seed(0)
    net = timm.create_model(DINO, num_classes=0, **SMALL).eval()
    path = tmp_path_factory.mktemp("dino") / "model.safetensors"
    save_file(net.state_dict(), path)
    return net, path


@pytest.fixture(scope="module")
def backbone(published):
    return FeatureBackbone(DINO, input_size=64, weights=published[1], model_args=SMALL)


def test_maps_are_the_patch_tokens_after_each_block(published, backbone):
    tokens, seen = {}, backbone(images(2))
    net = backbone.net.net
    hooks = [
        block.register_forward_hook(lambda _m, _i, out, i=i: tokens.update({i: out}))
        for i, block in enumerate(net.blocks)
    ]
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    net(((images(2).permute(0, 2, 3, 1) - mean) / std).permute(0, 3, 1, 2))
    for hook in hooks:
        hook.remove()
    assert backbone.valid_blocks == (0, 1, 2, 3) and net.num_prefix_tokens == 5
    for block, features in seen.items():
        assert features.shape == (2, 32, 4, 4)
        torch.testing.assert_close(features.flatten(2).transpose(1, 2), tokens[block][:, 5:])


def test_local_weights_are_those_of_the_file(published, backbone):
    theirs = published[0].state_dict()
    assert all(torch.equal(ours, theirs[name]) for name, ours in backbone.net.net.state_dict().items())


def test_select_shares_the_network_and_stops_early(backbone):
    one = backbone.select([2, 0])
    assert one.blocks == (0, 2) and one.net is backbone.net and backbone.blocks == (0, 1, 2, 3)
    assert (one.channels, one.strides) == ({0: 32, 2: 32}, {0: 16, 2: 16})
    ran = []
    hook = backbone.net.net.blocks[3].register_forward_hook(lambda *_: ran.append(3))
    torch.testing.assert_close(one(images())[2], backbone.select([2])(images())[2])
    assert not ran
    hook.remove()
    with pytest.raises(ConfigError, match=r"\[0, 1, 2, 3\]"):
        backbone.select([4])


def test_images_of_any_size_are_resized_and_gradients_reach_them(backbone):
    x = images(side=40).requires_grad_()
    backbone(x)[3].square().sum().backward()
    assert x.grad.abs().sum() > 0 and x.grad.isfinite().all()
    assert not any(p.requires_grad for p in backbone.parameters())


def test_the_models_own_input_size_is_the_default():
    backbone = FeatureBackbone("vit_tiny_patch16_224", [0], pretrained=False, model_args={"depth": 1})
    assert backbone.input_size == 224 and backbone(images(1, 32))[0].shape == (1, 192, 14, 14)
    assert backbone.mean.flatten().tolist() == [0.5, 0.5, 0.5]  # this ViT's own, not DINOv3's


def test_the_discriminator_judges_the_quarters_of_a_transformer(backbone):
    net = LightDiscriminator(backbone.select([3]), width=8)
    assert net.backbone.blocks == (0, 1, 2, 3)
    assert all(logits.shape[:2] == (2, 1) for logits in net(images()))


def test_weights_of_another_size_and_missing_ones_are_named(published, tmp_path):
    with pytest.raises(AssetError, match="do not fit the model|another size"):
        FeatureBackbone(DINO, weights=published[1], model_args={**SMALL, "depth": 2})
    with pytest.raises(AssetError, match="absent.safetensors'"):
        FeatureBackbone(DINO, weights=tmp_path / "absent.safetensors", model_args=SMALL)
    with pytest.raises(ConfigError, match="not a vision transformer"):
        FeatureBackbone("resnet10t", weights=published[1])
