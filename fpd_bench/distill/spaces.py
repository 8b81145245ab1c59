"""Where the drift is measured (Sec. 3.3, Table 4a): named sets of local vectors of an image.

A space is built from the drift options and the track, and is then called on images: each set [B, F, D] (B images,
F positions, D dimensions) has its own drift loss, and the losses are added.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from fpd_bench.bench import Track
from fpd_bench.config.schema import DriftConfig
from fpd_bench.errors import ConfigError
from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.models.named_backbone import open_backbone
from fpd_bench.registry import spaces


class Space(Protocol):
    """What a plugin offers; gradients flow through the call."""

    @classmethod
    def build(cls, drift: DriftConfig, track: Track) -> "Space":
        """Build the space from the drift options and the track. Raises ConfigError for options that it cannot
        honour.
        """
        ...

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """Lift images: [B, 3, H, W] in [0, 1] -> {set name: [B, F, D]}."""
        ...


@spaces.register("feature")
@dataclass(frozen=True)
class FeatureSpace:
    """Phi: maps of the chosen backbone blocks, averaged over a grid x grid raster of patches (0 = one pooled vector).

    A map smaller than the grid keeps its own resolution: values are never duplicated, since two equal positions
    would only weigh one feature twice. Sets are named block0, block1, ...; F = min(grid, h) * min(grid, w).
    class_token: "none", "only" (F = 1), or "also", as one more position, the last.
    """

    backbone: FeatureBackbone
    grid: int
    class_token: str = "none"

    @classmethod
    def build(cls, drift: DriftConfig, track: Track) -> "FeatureSpace":
        """Build the space on the chosen backbone. Raises ConfigError for a negative grid and for what the backbone
        does not have, and as open_backbone.
        """
        _check_grid(drift.grid)
        backbone = track.backbone
        if drift.backbone:
            backbone = open_backbone(drift.backbone).to(track.tokenizer.codebook.device)
        if not isinstance(backbone, FeatureBackbone):
            raise ConfigError(f"Track '{track.name}' has no feature backbone. Use drift.space=pixel drift.blocks=[].")
        return cls.on_backbone(backbone, drift)

    @classmethod
    def on_backbone(cls, backbone: FeatureBackbone, drift: DriftConfig) -> "FeatureSpace":
        """Build the space on this backbone. Raises ConfigError for what it does not have."""
        if drift.cls != "none" and not backbone.has_class:
            raise ConfigError(f"Backbone '{backbone.name}' has no class token. Use drift.cls=none.")
        return cls(backbone.select(drift.blocks).with_input(drift.resize, drift.last_norm), drift.grid, drift.cls)

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        if self.class_token == "none":
            return {f"block{block}": self._pool(features) for block, features in self.backbone(images).items()}
        found = {}
        for block, (features, token) in self.backbone.with_class(images).items():
            patches = [self._pool(features)] if self.class_token == "also" else []
            found[f"block{block}"] = torch.cat([*patches, token[:, None]], dim=1)
        return found

    def _pool(self, features: Tensor) -> Tensor:
        """Pool a map over its patches: [B, C, h, w] -> [B, F, C]. Raises ConfigError if the grid cuts a map into
        unequal patches.
        """
        height, width = features.shape[-2:]
        size = (min(max(self.grid, 1), height), min(max(self.grid, 1), width))
        if height % size[0] or width % size[1]:
            raise ConfigError(f"drift.grid={self.grid} does not divide a {height}x{width} map. Take a divisor or 0.")
        return functional.adaptive_avg_pool2d(features, size).flatten(2).transpose(1, 2)


@spaces.register("pixel")
@dataclass(frozen=True)
class PixelSpace:
    """Raw pixels: the image cut into grid x grid patches (0 = the whole image), each flattened; one set, "pixel"."""

    grid: int

    @classmethod
    def build(cls, drift: DriftConfig, track: Track) -> "PixelSpace":
        """Build the space from drift.grid; pixels have no blocks. Raises ConfigError for a negative grid."""
        _check_grid(drift.grid)
        return cls(drift.grid)

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """Cut images into patches. Raises ConfigError if the grid does not divide the image."""
        cells = max(self.grid, 1)
        height, width = images.shape[-2:]
        if height % cells or width % cells:
            raise ConfigError(f"drift.grid={self.grid} does not divide a {height}x{width} image. Take a divisor or 0.")
        patches = images.unflatten(3, (cells, -1)).unflatten(2, (cells, -1))  # [B, 3, cells, h, cells, w]
        return {"pixel": patches.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)}


def _check_grid(grid: int) -> None:
    if grid < 0:
        raise ConfigError(f"drift.grid must be 0 (one pooled vector) or the number of patches a side; got {grid}.")
