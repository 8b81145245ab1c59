"""Phi of the shapes track's own domain: `drift.backbone=shapes`, to that world what DINOv3 is to photographs.

Four convolution stages that halve the image and see ever more of it. Trained on scenes without any student
(tracks/shapes/phi.py); timm knows it by its name, so every place that takes a backbone takes this one.
"""

import hashlib
from pathlib import Path
from typing import Any

from safetensors.torch import load
from timm.models import build_model_with_cfg, register_model
from torch import Tensor, nn
from torch.nn import functional

from fpd_bench.errors import AssetError

NAME = "shapes"
FILE = Path(__file__).parent / "weights" / "shapes.safetensors"
SHA256 = "PENDING"
CHANNELS = (32, 64, 96, 128)
REBUILD = "python -m fpd_bench.tracks build shapes --part phi"


class Residual(nn.Module):
    """x + two 3 x 3 convolutions of x, normalised in groups of channels: no statistics to freeze."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, channels), nn.GroupNorm(8, channels)
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(functional.silu(self.norm2(self.conv1(functional.silu(self.norm1(x))))))


class SceneNetwork(nn.Module):
    """Images [B, 3, H, W] in [-1, 1] -> the last stage's map [B, 128, H / 16, W / 16]."""

    def __init__(self, **_: Any):
        super().__init__()
        self.feature_info = []
        for i, (seen, channels) in enumerate(zip((3, *CHANNELS), CHANNELS, strict=False)):
            convolution = nn.Conv2d(seen, channels, 3, stride=2, padding=1)
            stage = nn.Sequential(convolution, Residual(channels), nn.GroupNorm(8, channels), nn.SiLU())
            self.add_module(f"stage{i}", stage)
            self.feature_info.append({"num_chs": channels, "reduction": 2 ** (i + 1), "module": f"stage{i}"})

    def stages(self, x: Tensor) -> list[Tensor]:
        """The maps of all stages."""
        maps = []
        for stage in self.children():
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x)[-1]


@register_model
def shapes(pretrained: bool = False, **options: Any) -> nn.Module:
    """timm's door; the weights are loaded by whoever asks for them (backbones.py)."""
    options["pretrained_cfg"] = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "num_classes": 0}
    return build_model_with_cfg(SceneNetwork, NAME, False, feature_cfg={"flatten_sequential": False}, **options)


def shipped_weights() -> dict[str, Tensor]:
    """The shipped network's tensors. Raises AssetError for a file that is missing or another one."""
    if not FILE.is_file():
        raise AssetError(f"Weights file {FILE} of backbone '{NAME}' is missing. Build it: {REBUILD}")
    content = FILE.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise AssetError(f"Weights file {FILE} has sha256 {found}, expected {SHA256}. Reinstall fpd-bench.")
    return {name: tensor.float() for name, tensor in load(content).items()}
