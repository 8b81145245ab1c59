"""What tracks with published weights share: their files, and the DINOv3 backbone."""

from pathlib import Path
from typing import Any

from fpd_bench.assets.published_files import DINO, TrackFiles
from fpd_bench.errors import AssetError
from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.models.published_sizes import read_config

DINO_NAME = "vit_base_patch16_dinov3"


def places_of(files: TrackFiles, folder: Path) -> dict[str, Path]:
    """Return {role: where the weights file is, or belongs}."""
    return {file.role: file.path(folder) for file in files.models}


def paths_of(files: TrackFiles, folder: Path) -> dict[str, Path]:
    """Return {role: weights file}. Raises AssetError naming the first missing file and the command that fetches it."""
    for file in files.models:
        if not file.path(folder).is_file():
            place = file.path(folder)
            raise AssetError(
                f"Track '{files.track}': {file.role} '{place}' is missing. Run: {file.fetch_command(folder)}"
            )
    return places_of(files, folder)


def load_backbone(weights: Path) -> FeatureBackbone:
    """Load DINOv3 ViT-B/16 from timm's hub layout; `config.json` beside the file may name another ViT and its sizes."""
    return FeatureBackbone(weights=weights, **_settings_beside(weights))


def draw_backbone(weights: Path) -> FeatureBackbone:
    """Make the same backbone without its weights, as `config.json` beside the file says, if it is there."""
    return FeatureBackbone(pretrained=False, **_settings_beside(weights))


def _settings_beside(weights: Path) -> dict[str, Any]:
    config = read_config(weights.with_name(DINO.extras[0])) or {}
    return {"name": config.get("architecture", DINO_NAME), "model_args": config.get("model_args")}
