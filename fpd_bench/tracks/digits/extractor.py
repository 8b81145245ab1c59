"""The digits' classifier as a feature extractor that torch-fidelity knows, and the preset that names it."""

from pathlib import Path
from typing import Any

from torch import Tensor
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY, register_feature_extractor

from fpd_bench.evals.fidelity.presets import FidelityPreset
from fpd_bench.tracks.digits.assets import load_part
from fpd_bench.tracks.digits.data import PIXELS

DIGITS = FidelityPreset(
    name="digits",
    extractor="digits-classifier",
    features="features",
    logits="logits",
    resize="none",
    kid_subset=500,
    size=PIXELS,
    also=("density", "coverage", "fid_inf"),
)


class DigitsExtractor(FeatureExtractorBase):
    """64 features and 10 logits. feature_extractor_weights_path: the classifier's file."""

    def __init__(self, name: str, features_list: list[str], feature_extractor_weights_path: str = "", **_: Any):
        super().__init__(name, features_list)
        path = Path(feature_extractor_weights_path)
        self.net, _found = load_part("classifier", path.name.partition(".")[0], path.parent)
        self.eval()

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return DIGITS.features, DIGITS.logits

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        return DIGITS.logits if metric == "isc" else DIGITS.features

    @staticmethod
    def can_be_compiled() -> bool:
        return False

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Extract features: uint8 [B, 3, 32, 32] -> the features asked for, of the images' grey."""
        features, logits = self.net(images.float().mean(dim=1, keepdim=True) / 255)
        found = {DIGITS.features: features, DIGITS.logits: logits}
        return tuple(found[name] for name in self.features_list)


if DIGITS.extractor not in FEATURE_EXTRACTORS_REGISTRY:
    register_feature_extractor(DIGITS.extractor, DigitsExtractor)
