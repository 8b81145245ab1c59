"""The shapes world as drawn: areas, centroids, colours and edges."""

import numpy as np
import pytest

from fpd_bench.errors import ConfigError, UnknownName
from fpd_bench.tracks.shapes.drawing import PALETTE, SHAPES, coverage, render, render_free_scene, unit_area

EXPECTED = {  # area and centroid at radius 1 (shapes_track.md, section 3)
    "circle": (3.142, 0, 0),
    "square": (3.252, 0, 0),
    "triangle": (1.858, 0, 0.260),
    "diamond": (2.205, 0, 0),
    "cross": (2.273, 0, 0),
    "ring": (2.356, 0, 0),
    "bar": (1.684, 0, 0),
    "pillar": (1.684, 0, 0),
    "star": (1.460, 0, 0),
    "heart": (1.950, 0, -0.170),
    "moon": (1.398, -0.423, 0),
    "hourglass": (1.929, 0, 0),
}


def test_the_order_of_the_words():
    assert list(SHAPES) == (
        [
            "circle",
            "square",
            "triangle",
            "diamond",
            "cross",
            "ring",
            "bar",
            "pillar",
            "star",
            "heart",
            "moon",
            "hourglass",
        ]
    )
    assert list(PALETTE) == ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white"]


@pytest.mark.parametrize("shape", SHAPES)
def test_area_and_centroid(shape):
    assert unit_area(shape) == pytest.approx(EXPECTED[shape], abs=6e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_coverage_has_the_shapes_area_and_place(shape):
    area, x, y = unit_area(shape)
    alpha = coverage(shape, 12.0, 17.25, 15.5, 32)
    pixel = np.arange(32) + 0.5
    assert alpha.sum() == pytest.approx(area * 144, rel=0.025)
    assert (alpha * pixel[None]).sum() / alpha.sum() == pytest.approx(17.25 + 12 * x, abs=0.05)
    assert (alpha * pixel[:, None]).sum() / alpha.sum() == pytest.approx(15.5 + 12 * y, abs=0.05)


def test_render_puts_colours_where_the_objects_are():
    image = render([{"shape": "circle", "color": "red", "cx": 8, "cy": 24, "r": 7}], 32, 134)
    assert image.dtype == np.uint8 and image.shape == (32, 32, 3)
    assert tuple(image[24, 8]) == PALETTE["red"]
    assert tuple(image[0, 31]) == (134, 134, 134)
    assert (image[:16] == 134).all() and (image[:, 16:] == 134).all()


def test_later_objects_cover_earlier_ones():
    pair = [{"shape": "square", "color": c, "cx": 8, "cy": 8, "r": 6} for c in ("red", "blue")]
    assert tuple(render(pair, 16, (1, 2, 3))[8, 8]) == PALETTE["blue"]
    assert tuple(render(pair, 16, (1, 2, 3))[0, 0]) == (1, 2, 3)


def test_free_scenes_vary_with_the_generator_only():
    things = [{"shape": "star", "color": "green", "cx": 10.3, "cy": 20.9, "r": 5.7}]
    first, again, other = (render_free_scene(things, 32, np.random.default_rng(s)) for s in (1, 1, 2))
    assert (first == again).all() and (first != other).any()
    assert abs(first[20, 10].astype(int) - PALETTE["green"]).max() <= 10
    assert 110 <= first[0, 31].min() and first[0, 31].max() <= 158


def test_wrong_words_are_named():
    with pytest.raises(UnknownName, match="'cirkle'.*Did you mean 'circle'"):
        coverage("cirkle", 3, 8, 8, 16)
    with pytest.raises(UnknownName, match="'gray'"):
        render([{"shape": "circle", "color": "gray", "cx": 8, "cy": 8, "r": 3}], 16, 134)
    with pytest.raises(ConfigError, match="radius"):
        render([{"shape": "circle", "color": "red", "cx": 8, "cy": 8, "r": 0}], 16, 134)
