"""The frozen feature network: real weights, exact folding, gradients to images, errors that help."""

import pytest
import timm
import torch

from fpd_bench.errors import AssetError, ConfigError, UnknownName
from fpd_bench.models.backbones import EMBEDDED, FeatureBackbone, check_sha256, embedded_file, embedded_weights


@pytest.fixture(scope="module")
def backbone():
    return FeatureBackbone(blocks=[1, 3])


def images(n=2, side=32):
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(0))


def test_package_tensors_map_to_timm_by_name_and_by_order():
    weights, model = embedded_weights(), timm.create_model(EMBEDDED)
    assert list(weights) == list(model.state_dict())
    model.load_state_dict(weights, strict=True)


def test_features_are_those_of_the_unfolded_timm_network(backbone):
    plain = timm.create_model(EMBEDDED, features_only=True).eval()
    plain.load_state_dict(embedded_weights(), strict=False)
    x = images()
    expected = plain(x * 2 - 1)
    for block, features in backbone(x).items():
        torch.testing.assert_close(features, expected[block], atol=1e-4, rtol=1e-3)


def test_shapes_channels_and_strides():
    for block, features in (backbone := FeatureBackbone(input_size=64))(images()).items():
        side = 64 // backbone.strides[block]
        assert features.shape == (2, backbone.channels[block], side, side)
    assert backbone.channels == {0: 16, 1: 24, 2: 40, 3: 112, 4: 320}
    assert backbone.strides == {0: 2, 1: 4, 2: 8, 3: 16, 4: 32}


def test_nothing_behind_the_deepest_block_is_kept(backbone):
    size, whole = (sum(p.numel() for p in net.parameters()) for net in (backbone, FeatureBackbone(blocks=[4])))
    assert size < whole / 2


def test_frozen_but_transparent_for_gradients(backbone):
    x = images(side=40).requires_grad_()
    resized = FeatureBackbone(blocks=[1], input_size=64)
    resized.train()
    assert not resized.net.training
    resized(x)[1].square().sum().backward()
    assert x.grad.abs().sum() > 0 and x.grad.isfinite().all()
    assert not any(p.requires_grad for p in backbone.parameters())


def test_resizing_leaves_images_of_the_right_size_alone():
    x = images(side=64)
    torch.testing.assert_close(FeatureBackbone(blocks=[0], input_size=64)(x)[0], FeatureBackbone(blocks=[0])(x)[0])


def test_select_gives_the_same_features_at_other_blocks(backbone):
    x = images()
    other = backbone.select([2, 1])
    assert other.blocks == (1, 2)
    torch.testing.assert_close(other(x)[1], backbone(x)[1], atol=1e-4, rtol=1e-3)
    assert backbone.select([3, 1, 3]) is backbone
    random = FeatureBackbone(blocks=[1], pretrained=False)
    torch.testing.assert_close(random.select([0, 1])(x)[1], random.select([1])(x)[1])


def test_any_timm_model_will_do():
    backbone = FeatureBackbone("resnet10t", blocks=[1, 2], pretrained=False)
    assert backbone.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])
    assert [f.shape[1] for f in backbone(images(side=64)).values()] == list(backbone.channels.values())


@pytest.mark.parametrize("blocks", [[], [5], [-1, 2]])
def test_unknown_blocks_list_the_valid_ones(blocks):
    with pytest.raises(ConfigError, match=r"\[0, 1, 2, 3, 4\]"):
        FeatureBackbone(blocks=blocks)


def test_unknown_model_suggests_a_name():
    with pytest.raises(UnknownName, match="Did you mean 'tf_efficientnet_lite0'"):
        FeatureBackbone("tf_efficientnet_lite00")


def test_corrupt_or_missing_weights_name_file_and_hash(tmp_path):
    assert embedded_file().is_file()
    broken = tmp_path / "weights.pth"
    with pytest.raises(AssetError, match=r"weights.pth is missing"):
        check_sha256(broken, "0" * 64)
    broken.write_bytes(b"not weights")
    with pytest.raises(AssetError, match=r"weights.pth has sha256 [0-9a-f]{64}, expected 0000"):
        check_sha256(broken, "0" * 64)
