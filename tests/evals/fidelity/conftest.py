"""A small random extractor behind torch-fidelity's own registry, and folders of images to feed it."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY, register_feature_extractor

from fpd_bench.evals.fidelity.presets import FidelityPreset

D, CLASSES = 6, 5


class TinyExtractor(FeatureExtractorBase):
    """Channel means and deviations, mixed by a fixed random matrix."""

    opened = 0

    def __init__(self, name, features_list, **_):
        super().__init__(name, features_list)
        TinyExtractor.opened += 1
        generator = torch.Generator().manual_seed(0)
        self.mix = torch.randn(6, D, generator=generator)
        self.head = torch.randn(D, CLASSES, generator=generator)

    @staticmethod
    def get_provided_features_list():
        return "vector", "logits"

    def forward(self, images):
        pixels = images.float().flatten(2) / 255
        vector = torch.cat([pixels.mean(2), pixels.std(2)], dim=1) @ self.mix
        return vector, 3 * vector @ self.head


@pytest.fixture(scope="session")
def tiny():
    """The preset of the tiny extractor."""
    if "tiny-extractor" not in FEATURE_EXTRACTORS_REGISTRY:
        register_feature_extractor("tiny-extractor", TinyExtractor)
    return FidelityPreset("tiny", "tiny-extractor", "vector", "logits", "none", splits=4, kid_subset=20)


@pytest.fixture(scope="session")
def extractor():
    return TinyExtractor


def random_images(n, seed, bright=0.0, side=8):
    """uint8 [n, side, side, 3] with colour casts that differ from image to image."""
    rng = np.random.default_rng(seed)
    cast = rng.uniform(0.2, 0.8, size=(n, 1, 1, 3)) + bright
    pixels = cast + 0.15 * rng.normal(size=(n, side, side, 3))
    return (pixels.clip(0, 1) * 255).round().astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    """write(name, pixels) -> a folder of PNGs."""

    def write(name, pixels):
        path = tmp_path / name
        path.mkdir()
        for i, image in enumerate(pixels):
            Image.fromarray(image).save(path / f"{i:05}.png")
        return path

    return write
