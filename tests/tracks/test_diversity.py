"""What a suite says of how much the pictures of an item differ: in layouts, and in features of Phi."""

import numpy as np
import pytest
import torch

from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.runs.perform.suite_images import to_pixels
from fpd_bench.tracks.diversity_measure import in_features
from fpd_bench.tracks.shapes.track import ShapesTrack


@pytest.fixture(scope="module")
def textured():
    return ShapesTrack("textured")


def drawn(track, codes):
    """Pictures uint8 [n, H, W, 3] of codes [n, L]."""
    return to_pixels(track, codes, track.null_condition(len(codes)))


def numbers(rows):
    return {row["metric"]: row["value"] for row in rows}


def test_a_layout_in_other_textures_is_the_same_picture(textured):
    codes, _ = textured.pairs(1, 0)
    woven = textured.world.textures * textured.layouts(codes)
    two = drawn(textured, torch.cat([woven, woven + 1]))
    assert not np.array_equal(two[0], two[1])
    rows = textured.suite("validation").diversity([two])
    assert numbers(rows) == {"differ": 0.0, "same": 1.0, "distinct": 1.0}
    assert {row["n"] for row in rows} == {2}


def test_tokens_that_show_something_else_are_counted(textured):
    codes, _ = textured.pairs(1, 0)
    other = codes.clone()
    other[0, :4] = (other[0, :4] + textured.world.textures) % textured.n_codes
    rows = textured.suite("validation").diversity([drawn(textured, torch.cat([codes, other]))])
    assert numbers(rows) == {"differ": 0.25, "same": 0.0, "distinct": 2.0}


def test_the_vendi_score_grows_with_pictures_that_differ():
    phi = FeatureBackbone("shapes", input_size=32)
    measured = in_features(lambda: phi, "Phi")
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    same, two, all_four = (numbers(measured([images[rows]]))["vendi"] for rows in ([0] * 4, [0, 0, 1, 1], [0, 1, 2, 3]))
    assert same == pytest.approx(1) and 1 < two < all_four < 4
