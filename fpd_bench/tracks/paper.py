"""What the paper's two tracks share: files and their hashes, and the DINOv3 backbone."""

from pathlib import Path

from fpd_bench.assets.published import DINO, PUBLISHED, Published
from fpd_bench.errors import AssetError
from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.models.published_sizes import read_config

DINO_NAME = "vit_base_patch16_dinov3"


def file_of(track: str, role: str) -> Published:
    """Return the published file of a track that plays `role`."""
    return next(file for file in PUBLISHED[track] if file.role == role)


def paths_of(track: str, folder: Path) -> dict[str, Path]:
    """Return {role: weights file}. Raises AssetError naming the first missing file and the command that fetches it."""
    for file in PUBLISHED[track]:
        if not file.path(folder).is_file():
            raise AssetError(
                f"Track '{track}': {file.role} '{file.path(folder)}' is missing. Run: {file.fetch(folder)}"
            )
    return {file.role: file.path(folder) for file in PUBLISHED[track]}


def load_backbone(weights: Path) -> FeatureBackbone:
    """Load DINOv3 ViT-B/16 from timm's hub layout; `config.json` beside the file may name another ViT and its sizes."""
    config = read_config(weights.with_name(DINO.extras[0])) or {}
    return FeatureBackbone(config.get("architecture", DINO_NAME), weights=weights, model_args=config.get("model_args"))
