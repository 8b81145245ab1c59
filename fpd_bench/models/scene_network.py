"""Phi of the shapes track's own domain: `drift.backbone=shapes`, to that world what DINOv3 is to photographs.

Four convolution stages that halve the image and see ever more of it. Trained on scenes without any student
(tracks/shapes/backbone_training.py); timm knows it by its name, so every place that takes a backbone takes this one.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from timm.models import build_model_with_cfg, register_model
from torch import Tensor, nn
from torch.nn import functional

from fpd_bench.errors import AssetError

NAME = "shapes"
FILE = Path(__file__).parent / "weights" / "shapes.safetensors"
CHANNELS = (32, 64, 96, 128)
REBUILD = "python -m fpd_bench.tracks build shapes --part backbone"


class SceneResidual(nn.Module):
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
            stage = nn.Sequential(convolution, SceneResidual(channels), nn.GroupNorm(8, channels), nn.SiLU())
            self.add_module(f"stage{i}", stage)
            self.feature_info.append({"num_chs": channels, "reduction": 2 ** (i + 1), "module": f"stage{i}"})

    def stages(self, x: Tensor) -> list[Tensor]:
        """Compute the maps of all stages."""
        maps = []
        for stage in self.children():
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x)[-1]


@register_model
def shapes(pretrained: bool = False, **options: Any) -> nn.Module:
    """Build the network under its name in timm; the weights are loaded by whoever asks for them (backbones.py)."""
    options["pretrained_cfg"] = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "num_classes": 0}
    features = {"flatten_sequential": False, "out_indices": tuple(range(len(CHANNELS)))}
    return build_model_with_cfg(SceneNetwork, NAME, False, feature_cfg=features, **options)


def shipped_sha256() -> str:
    """Read the hash of the shipped weights from their manifest. Raises AssetError where there is none."""
    manifest = FILE.with_name("manifest.json")
    found = json.loads(manifest.read_text()).get(FILE.name) if manifest.is_file() else None
    if not found or not FILE.is_file():
        raise AssetError(f"Weights file {FILE} of backbone '{NAME}' is missing. Build it: {REBUILD}")
    return str(found)


def shipped_weights() -> dict[str, Tensor]:
    """Read the shipped network's tensors. Raises AssetError for a file that is missing or another one."""
    expected, content = shipped_sha256(), FILE.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise AssetError(
            f"Weights file {FILE} has sha256 {found}, but manifest.json says {expected}: damaged, or another file. "
            f"Reinstall fpd-bench, or rebuild it: {REBUILD}"
        )
    return {name: tensor.float() for name, tensor in load(content).items()}


def store_weights(network: SceneNetwork, folder: Path) -> Path:
    """Write the network's tensors, as float16, and the manifest with their hash; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    content = save({name: tensor.detach().half().contiguous() for name, tensor in network.state_dict().items()})
    manifest = {FILE.name: hashlib.sha256(content).hexdigest()}
    for name, data in ((FILE.name, content), ("manifest.json", f"{json.dumps(manifest, indent=2)}\n".encode())):
        part = folder / f"{name}.part"
        part.write_bytes(data)
        part.replace(folder / name)
    return folder / FILE.name
