"""Any timm model as Phi, by its name: drift.backbone=convnextv2_base, vit_base_patch14_dinov2, ..."""

from pathlib import Path

import timm

from fpd_bench.assets.environment import weights_place
from fpd_bench.models import scene_network
from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.models.published_sizes import read_config
from fpd_bench.models.vit import is_transformer
from fpd_bench.records.layout import sha256

FILE = "model.safetensors"


def open_backbone(name: str) -> FeatureBackbone:
    """Open a transformer from $FPD_WEIGHTS/NAME/model.safetensors if that is there (a folder NAME.TAG counts, and a
    config.json beside the file may tell other sizes); anything else as timm finds or fetches it.

    Raises UnknownName for a name that timm does not know, AssetError for weights that cannot be had.
    """
    path = local_weights(name)
    if path is None:
        return FeatureBackbone(name)
    sizes = (read_config(path.with_name("config.json")) or {}).get("model_args")
    return FeatureBackbone(name, weights=path, model_args=sizes)


def backbone_assets(name: str) -> dict[str, str]:
    """Return {what: sha256} of the file that `open_backbone` reads; timm's own downloads are timm's to name."""
    if name == scene_network.NAME:
        return {f"backbone/{name}": scene_network.shipped_sha256()}
    path = local_weights(name)
    return {f"backbone/{name}": sha256(path)} if path else {}


def local_weights(name: str) -> Path | None:
    """Find the file of a model in the weights folder; None if it is not there or no transformer."""
    folder = weights_place()
    if not (name and folder):
        return None
    found = (path / FILE for path in sorted(folder.glob(f"{name}*")) if path.name.partition(".")[0] == name)
    path = next((path for path in found if path.is_file()), None)
    return path if path and timm.is_model(name) and is_transformer(name) else None
