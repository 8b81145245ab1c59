"""Spaces: shapes, what a position sees, gradients, and options that contradict each other."""

from types import SimpleNamespace

import pytest
import torch

from fpd_bench.config.schema import DriftConfig
from fpd_bench.errors import ConfigError, UnknownName
from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.registry import spaces


@pytest.fixture(scope="module")
def track():
    return SimpleNamespace(name="bench", backbone=FeatureBackbone(input_size=64))


def images(n=2, side=32):
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(0))


def build(track, **options):
    drift = DriftConfig(**options)
    return spaces.get(drift.space).build(drift, track)


def test_both_spaces_are_registered():
    assert spaces.known() == ["feature", "pixel"]
    with pytest.raises(UnknownName, match="pixel"):
        spaces.get("pixels")


def test_feature_sets_keep_the_smaller_of_grid_and_map(track):
    sets = build(track, blocks=[4, 1, 3], grid=4)(images())
    assert {name: tuple(x.shape) for name, x in sets.items()} == {
        "block1": (2, 16, 24),
        "block3": (2, 16, 112),
        "block4": (2, 4, 320),
    }


def test_pooled_features_are_the_mean_over_positions(track):
    pooled = build(track, blocks=[2], grid=0)(images())["block2"]
    grid = build(track, blocks=[2], grid=4)(images())["block2"]
    assert pooled.shape == (2, 1, 40)
    torch.testing.assert_close(pooled[:, 0], grid.mean(1), atol=1e-4, rtol=1e-3)


def test_grid_positions_run_row_by_row(track):
    space = build(track, blocks=[0], grid=2)
    x = torch.full((1, 3, 32, 32), 0.5)
    base = space(x)["block0"]
    x[..., :16, 16:] = 1.0
    change = (space(x)["block0"] - base).abs().mean(-1)[0]
    assert change.argmax() == 1


def test_pixel_patches(track):
    x = images()
    sets = build(track, space="pixel", blocks=[], grid=4)(x)
    assert list(sets) == ["pixel"] and sets["pixel"].shape == (2, 16, 3 * 8 * 8)
    torch.testing.assert_close(sets["pixel"][:, 6], x[:, :, 8:16, 16:24].flatten(1))
    whole = build(track, space="pixel", blocks=[], grid=0)(x)["pixel"]
    torch.testing.assert_close(whole, x.flatten(1)[:, None])


@pytest.mark.parametrize("options", [{"blocks": [1]}, {"space": "pixel", "blocks": []}])
def test_gradients_reach_the_images(track, options):
    x = images().requires_grad_()
    sum(s.square().sum() for s in build(track, **options)(x).values()).backward()
    assert x.grad.isfinite().all() and x.grad.abs().sum() > 0


def test_contradictions_are_refused(track):
    with pytest.raises(ConfigError, match=r"\[0, 1, 2, 3, 4\]"):
        build(track, blocks=[7])
    with pytest.raises(ConfigError, match="Choose one or more"):
        build(track, blocks=[])
    with pytest.raises(ConfigError, match="got -1"):
        build(track, grid=-1)
    with pytest.raises(ConfigError, match="does not divide a 32x32 image"):
        build(track, space="pixel", blocks=[], grid=5)(images())
    with pytest.raises(ConfigError, match="drift.grid=3 does not divide a 32x32 map"):
        build(track, blocks=[0], grid=3)(images())
    with pytest.raises(ConfigError, match="no feature backbone"):
        build(SimpleNamespace(name="bare", backbone=torch.nn.Identity()))


VIT = "vit_tiny_patch16_224"  # with random weights here


@pytest.fixture(scope="module")
def transformer():
    return SimpleNamespace(name="bench", backbone=FeatureBackbone(VIT, input_size=32, pretrained=False))


def test_class_tokens_are_a_position_of_their_own(transformer):
    none, only, also = (
        build(transformer, blocks=[1, 3], grid=2, cls=cls)(images()) for cls in ("none", "only", "also")
    )
    assert [x["block3"].shape[1] for x in (none, only, also)] == [4, 1, 5]
    for block in ("block1", "block3"):
        torch.testing.assert_close(also[block], torch.cat([none[block], only[block]], dim=1))
    seen = []
    first = transformer.backbone.net.net.blocks[1]
    hook = first.register_forward_hook(lambda _module, _inputs, out: seen.append(out[:, 0]))
    transformer.backbone(images())
    hook.remove()
    torch.testing.assert_close(only["block1"][:, 0], seen[0])


def test_the_last_norm_is_applied_to_every_block(transformer):
    plain, normed = (
        build(transformer, blocks=[1], grid=2, last_norm=norm)(images())["block1"] for norm in (False, True)
    )
    assert not torch.allclose(plain, normed)
    norm = transformer.backbone.net.net.norm  # grid 2 is the whole map: nothing is averaged
    torch.testing.assert_close(norm(plain), normed)


def test_images_are_resized_for_the_backbone_alone(track, transformer):
    small, large = (build(track, blocks=[1], grid=0, resize=side) for side in (0, 128))
    assert small.backbone.input_size == 64 and large.backbone.input_size == 128 and track.backbone.input_size == 64
    assert large.backbone(images())[1].shape[-1] == 2 * small.backbone(images())[1].shape[-1]
    resized = build(transformer, blocks=[3], grid=4, resize=64)(images())["block3"]
    assert resized.shape[1] == 16 and transformer.backbone(images())[3].shape[-1] == 2
    with pytest.raises(ConfigError, match="Images of 40 px cannot be cut into patches of 16 px"):
        build(transformer, blocks=[3], resize=40)


def test_what_a_convolutional_backbone_does_not_have_is_refused(track):
    for options, message in ((dict(cls="only"), "has no class token"), (dict(last_norm=True), "has no last norm")):
        with pytest.raises(ConfigError, match=f"Backbone 'tf_efficientnet_lite0' {message}"):
            build(track, blocks=[1], **options)
