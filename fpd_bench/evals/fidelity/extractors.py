"""The networks behind a preset, opened through torch-fidelity's registry of feature extractors.

Inception's weights are not part of any package: torch-fidelity downloads them at first use. Here they are looked for
first, named if they are missing, and read without executing what a pickle may carry.
"""

from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY, register_feature_extractor

from fpd_bench.assets.inception import INCEPTION_FILE, INCEPTION_URL, inception_file
from fpd_bench.errors import AssetError
from fpd_bench.evals.fidelity.presets import LITE0, FidelityPreset
from fpd_bench.models import devices
from fpd_bench.models.backbones import EMBEDDED, LITE0_SHA256, embedded_weights
from fpd_bench.models.torch_files import read_torch
from fpd_bench.records.layout import sha256

LITE0_SIDE = 128


class Lite0(FeatureExtractorBase):
    """EfficientNet-Lite0 with its ImageNet weights: 1280 pooled features and 1000 logits."""

    def __init__(self, name: str, features_list: list[str], **_: Any):
        super().__init__(name, features_list)
        self.net: Any = timm.create_model(EMBEDDED, pretrained=False)
        self.net.load_state_dict(embedded_weights())
        config: Any = self.net.pretrained_cfg
        self.mean, self.std = (torch.tensor(config[key]).view(3, 1, 1) for key in ("mean", "std"))
        self.eval()

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return LITE0.features, LITE0.logits

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        return LITE0.logits if metric == "isc" else LITE0.features

    @staticmethod
    def can_be_compiled() -> bool:
        return False

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Compute the features asked for of uint8 [B, 3, H, W]."""
        sized = functional.interpolate(images.float() / 255, (LITE0_SIDE,) * 2, mode="bilinear", antialias=True)
        pooled = self.net.forward_head(
            self.net.forward_features((sized - self.mean.to(sized)) / self.std.to(sized)), pre_logits=True
        )
        found = {LITE0.features: pooled, LITE0.logits: self.net.classifier(pooled)}
        return tuple(found[name] for name in self.features_list)


if LITE0.extractor not in FEATURE_EXTRACTORS_REGISTRY:
    register_feature_extractor(LITE0.extractor, Lite0)


def weights_file(preset: FidelityPreset, given: Path | None = None) -> Path | None:
    """Find the file the preset's network is read from; None if it needs none. Raises AssetError if it is missing."""
    return inception_file(given) if preset.needs_weights else given


def open_extractor(preset: FidelityPreset, weights: Path | None, device: str) -> nn.Module:
    """Open the network, frozen, on `device`. Raises AssetError for a file that is not the preset's."""
    options: dict[str, Any] = {"verbose": False}
    if weights is not None:
        if preset.needs_weights:
            _refuse_foreign(weights)
        options["feature_extractor_weights_path"] = str(weights)
    network = FEATURE_EXTRACTORS_REGISTRY[preset.extractor]
    try:
        opened = network(preset.extractor, [preset.features, preset.logits], **options)
    except (RuntimeError, KeyError, TypeError, AttributeError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise AssetError(f"'{weights}' does not fit '{preset.extractor}': {said[:200]}") from error
    return opened.eval().requires_grad_(False).to(devices.open_device(device))


def weights_hash(preset: FidelityPreset, weights: Path | None) -> str:
    """Give the sha256 of the weights behind the preset; '' for an extractor that brings its own unnamed ones."""
    if weights is not None:
        return sha256(weights)
    return LITE0_SHA256 if preset.extractor == LITE0.extractor else ""


def _refuse_foreign(weights: Path) -> None:
    """Refuse a file that needs code, since torch-fidelity unpickles it, and one of the known name that is not whole."""
    wanted = INCEPTION_FILE.removesuffix(".pth").rpartition("-")[2]
    found = sha256(weights)
    if weights.name == INCEPTION_FILE and not found.startswith(wanted):
        raise AssetError(f"'{weights}' has sha256 {found[:8]}..., expected {wanted}... Fetch it again: {INCEPTION_URL}")
    read_torch(weights)
