"""Many images at once: bit for bit what the plain detector finds in one after the other."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from fpd_bench.tracks.shapes.detector import Detector
from fpd_bench.tracks.shapes.drawing import PALETTE, SHAPES, render_free_scene

spec = importlib.util.spec_from_file_location("plain_detector", Path(__file__).with_name("plain_detector.py"))
plain_detector = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plain_detector)
PlainDetector = plain_detector.PlainDetector

SHAPE_LIST, COLOUR_LIST = list(SHAPES), list(PALETTE)


def crowded(size, count, rng):
    """Scenes of 0 to 6 objects, of any size, which may overlap and leave the picture."""
    for _ in range(count):
        yield render_free_scene(
            [
                {
                    "shape": str(rng.choice(SHAPE_LIST)),
                    "color": str(rng.choice(COLOUR_LIST)),
                    "cx": rng.uniform(0, size),
                    "cy": rng.uniform(0, size),
                    "r": rng.uniform(0.08, 0.25) * size,
                }
                for _ in range(rng.integers(0, 7))
            ],
            size,
            rng,
        )


def assert_same(found, expected):
    for ours, plain in zip(found, expected, strict=True):
        assert [{**one, "mask": None} for one in ours] == [{**one, "mask": None} for one in plain]
        assert all((a["mask"] == b["mask"]).all() for a, b in zip(ours, plain, strict=True))


@pytest.mark.parametrize(("size", "words"), [(16, 5), (32, 6), (32, 12), (40, 6), (48, 8), (96, 6)])
def test_many_images_at_once_are_seen_as_one_by_one(size, words):
    rng = np.random.default_rng(size + words)
    images = list(crowded(size, 25, rng))
    images += [np.clip(image + rng.normal(0, 14, image.shape), 0, 255).astype(np.uint8) for image in images[:12]]
    images += [ndimage.gaussian_filter(image, (0.8, 0.8, 0)) for image in images[:12]]
    images += list(rng.integers(0, 256, (4, size, size, 3), dtype=np.uint8))
    for radii in (None, (0.1 * size, 0.2 * size)):
        asked = SHAPE_LIST[:words], COLOUR_LIST[: max(words, 6)], radii
        plain = PlainDetector(*asked)
        assert_same(Detector(*asked).detect_all(images), [plain.detect(image) for image in images])


def test_images_of_several_sizes_are_taken():
    rng = np.random.default_rng(1)
    images = [next(crowded(size, 1, rng)) for size in (32, 40, 32)]
    detector = Detector(SHAPE_LIST, COLOUR_LIST)
    assert_same(detector.detect_all(images), [detector.detect(image) for image in images])
    assert detector.detect_all([]) == []
