"""What every space promises: images [B, 3, H, W] -> {name: [B, F, D]}, with gradients to the images."""

import pytest
import torch

from fpd_bench.config.schema import DriftConfig
from fpd_bench.registry import spaces

NAMES = spaces.known()


def build(name, track, grid):
    return spaces.get(name).build(DriftConfig(space=name, grid=grid, blocks=[] if name == "pixel" else [1, 2]), track)


@pytest.fixture(scope="module")
def images(small_track):
    return small_track.real_images(2, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("grid", [0, 1, 4])
@pytest.mark.parametrize("name", NAMES)
def test_named_sets_of_vectors_one_per_patch(name, grid, small_track, images):
    sets = build(name, small_track, grid)(images)
    assert sets
    for features in sets.values():
        assert features.dim() == 3 and len(features) == 2 and features.shape[1] == max(grid, 1) ** 2
        assert torch.isfinite(features).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_reaches_the_images(name, small_track, images):
    pixels = images.clone().requires_grad_()
    torch.stack([features.square().sum() for features in build(name, small_track, 4)(pixels).values()]).sum().backward()
    assert torch.isfinite(pixels.grad).all() and (pixels.grad.flatten(1).abs().sum(1) > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_an_image_has_the_same_features_in_any_batch(name, small_track, images):
    space = build(name, small_track, 4)
    alone, together = space(images[1:]), space(images)
    for layer, features in alone.items():
        torch.testing.assert_close(features[0], together[layer][1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_different_images_differ(name, small_track, images):
    assert all(not torch.equal(features[0], features[1]) for features in build(name, small_track, 4)(images).values())
