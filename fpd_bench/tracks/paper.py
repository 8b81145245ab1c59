"""What the paper's two tracks share: files and their hashes, the DINOv3 backbone, images and captions from disk."""

import hashlib
import tarfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from fpd_bench.config.weights import CAPTION_FILES, DATA_VARIABLE, DINO, PUBLISHED, Published
from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.models.published import read_config

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
CAPTION_COLUMNS = ("caption", "text", "prompt")
DINO_NAME = "vit_base_patch16_dinov3"


def sha256(path: Path) -> str:
    """Of the content of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_of(track: str, role: str) -> Published:
    """The published file of a track that plays `role`."""
    return next(file for file in PUBLISHED[track] if file.role == role)


def paths_of(track: str, folder: Path) -> dict[str, Path]:
    """{role: weights file}. Raises AssetError naming the first missing file and the command that fetches it."""
    for file in PUBLISHED[track]:
        if not file.path(folder).is_file():
            raise AssetError(
                f"Track '{track}': {file.role} '{file.path(folder)}' is missing. Run: {file.fetch(folder)}"
            )
    return {file.role: file.path(folder) for file in PUBLISHED[track]}


def load_backbone(weights: Path) -> FeatureBackbone:
    """DINOv3 ViT-B/16 from timm's hub layout; `config.json` beside the file may name another ViT and its sizes."""
    config = read_config(weights.with_name(DINO.extras[0])) or {}
    return FeatureBackbone(config.get("architecture", DINO_NAME), weights=weights, model_args=config.get("model_args"))


def captions_in(folder: Path) -> list[str]:
    """Training captions: captions.txt (one a line), captions.parquet (column caption, text or prompt), or the .txt
    members of WebDataset shards *.tar; the first of these that is there. Raises AssetError."""
    for pattern in CAPTION_FILES:
        found = sorted(folder.glob(pattern))
        if found:
            reader = {".txt": _from_text, ".parquet": _from_parquet, ".tar": _from_shard}[found[0].suffix]
            captions = [line for path in found for caption in reader(path) if (line := " ".join(caption.split()))]
            if captions:
                return captions
            raise AssetError(f"'{found[0]}' holds no captions.")
    raise AssetError(
        f"Training captions are missing: put one of {', '.join(CAPTION_FILES)} into '{folder}', or name another folder "
        f"with {DATA_VARIABLE}."
    )


def _from_text(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _from_parquet(path: Path) -> list[str]:
    import pandas as pd

    try:
        table = pd.read_parquet(path)
    except ImportError as error:
        raise ConfigError(f"Reading '{path}' needs pyarrow. Run: pip install pyarrow") from error
    column = next((name for name in CAPTION_COLUMNS if name in table), None)
    if column is None:
        columns = ", ".join(map(str, table))
        raise AssetError(f"'{path}' has columns {columns}; captions need {' or '.join(CAPTION_COLUMNS)}.")
    return [str(caption) for caption in table[column].dropna()]


def _from_shard(path: Path) -> list[str]:
    try:
        with tarfile.open(path) as shard:
            files = [shard.extractfile(member) for member in shard if member.name.endswith(".txt")]
            return [file.read().decode("utf-8") for file in files if file is not None]
    except tarfile.TarError as error:
        raise AssetError(f"Shard '{path}' cannot be read: {error}. Fetch it again.") from error


class ImageFolder:
    """Real images below `<data>/images`: shorter side resized to `side` px (bicubic), centre cropped."""

    def __init__(self, folder: Path, side: int):
        self.folder, self.side = folder / "images", side
        files = self.folder.rglob("*") if self.folder.is_dir() else ()
        self.files = sorted(path for path in files if path.suffix.lower() in IMAGE_SUFFIXES)

    @property
    def digest(self) -> str:
        """sha256 over the names and sizes of all files."""
        names = "".join(f"{path.relative_to(self.folder)} {path.stat().st_size}\n" for path in self.files)
        return hashlib.sha256(names.encode()).hexdigest()

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """[n, 3, side, side] in [0, 1], drawn with replacement. Raises AssetError without images."""
        if not self.files:
            raise AssetError(
                f"The discriminator needs real images: put some ({', '.join(IMAGE_SUFFIXES)}) below '{self.folder}', "
                f"name another folder with {DATA_VARIABLE}, or train without it (gan.weight=0)."
            )
        chosen = torch.randint(len(self.files), (n,), generator=generator)
        return torch.stack([self._read(self.files[i]) for i in chosen.tolist()])

    def _read(self, path: Path) -> Tensor:
        try:
            with Image.open(path) as file:
                image = file.convert("RGB")
        except (OSError, UnidentifiedImageError) as error:
            raise AssetError(f"Image '{path}' cannot be read: {error}. Remove it or fetch it again.") from error
        width, height = image.size
        scale = self.side / min(width, height)
        size = (max(self.side, round(width * scale)), max(self.side, round(height * scale)))
        image = image.resize(size, Image.Resampling.BICUBIC)
        left, top = ((length - self.side) // 2 for length in size)
        pixels = np.asarray(image.crop((left, top, left + self.side, top + self.side)), dtype=np.float32)
        return torch.from_numpy(pixels).permute(2, 0, 1) / 255
