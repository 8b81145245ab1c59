"""Which published files the paper's tracks need, where they lie and where they come from; needs no torch.

$FPD_WEIGHTS is a folder with one subfolder per hub repository, as `hf download REPOSITORY --local-dir` leaves it. It
is a place, not a setting: it is no part of a run's name, and every run records the sha256 of what it read.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from fpd_bench.errors import AssetError

VARIABLE = "FPD_WEIGHTS"
DATA_VARIABLE = "FPD_DATA"  # folder of captions and pictures; by default `data` in $FPD_WEIGHTS
CAPTION_FILES = ("captions.txt", "captions.parquet", "*.tar")


@dataclass(frozen=True)
class Published:
    """One file. kind: its name in models/checkpoints.py; extras: published beside it, read where they are there."""

    role: str
    kind: str
    repository: str
    file: str
    extras: tuple[str, ...] = ()
    note: str = ""

    def path(self, folder: Path) -> Path:
        """Where the file belongs; a .safetensors converted from it is taken in its place."""
        path = folder / self.repository.partition("/")[2] / self.file
        converted = path.with_suffix(".safetensors")
        return converted if converted.is_file() else path

    def fetch(self, folder: Path) -> str:
        """The command that gets it."""
        name = self.repository.partition("/")[2]
        return f"hf download {self.repository} {' '.join((self.file, *self.extras))} --local-dir {folder / name}"


DINO = Published(
    "backbone",
    "",
    "timm/vit_base_patch16_dinov3.lvd1689m",
    "model.safetensors",
    ("config.json",),
    "DINOv3 has a licence of its own; the facebook/* copies are gated, timm's are not",
)
PUBLISHED: dict[str, tuple[Published, ...]] = {
    "maskgen": (
        Published("teacher", "maskgen", "turkeyju/generator_maskgen_vq_l", "model.safetensors", ("config.json",)),
        Published("tokenizer", "tatitok", "turkeyju/tokenizer_tatitok_bl128_vq", "model.safetensors", ("config.json",)),
        Published(
            "text",
            "clip_text",
            "timm/vit_large_patch14_clip_336.openai",
            "open_clip_model.safetensors",
            ("open_clip_config.json",),
        ),
        DINO,
    ),
    "maskgit": (
        Published(
            "teacher", "maskgit", "llvictorll/Maskgit-pytorch", "pretrained_maskgit/MaskGIT/MaskGIT_ImageNet_256.pth"
        ),
        Published(
            "tokenizer",
            "vqgan",
            "llvictorll/Maskgit-pytorch",
            "pretrained_maskgit/VQGAN/last.ckpt",
            ("pretrained_maskgit/VQGAN/model.yaml",),
            "an old Lightning pickle: the first use prints how to convert it",
        ),
        DINO,
    ),
}


def weights_folder(track: str) -> Path:
    """$FPD_WEIGHTS. Raises AssetError, with what to do next, if it is not set or no folder."""
    place = os.environ.get(VARIABLE, "")
    if not place or not Path(place).is_dir():
        is_what = f"{VARIABLE}={place} is not a folder" if place else f"{VARIABLE} is not set"
        names = ", ".join(dict.fromkeys(file.repository for file in PUBLISHED[track]))
        raise AssetError(
            f"its published weights ({names}): {is_what}. Fetch them into one folder and export "
            f"{VARIABLE}=FOLDER (docs/paper_scale.md)."
        )
    return Path(place)


def data_folder(weights: Path) -> Path:
    """Where captions and pictures lie."""
    return Path(os.environ.get(DATA_VARIABLE) or weights / "data")


def missing(track: str, folder: Path) -> list[Published]:
    """The published files that are not in the folder."""
    return [file for file in PUBLISHED[track] if not file.path(folder).is_file()]


def require(track: str) -> Path:
    """The weights folder, all files in it. Raises AssetError naming the first missing file and its command."""
    folder = weights_folder(track)
    absent = missing(track, folder)
    if absent:
        raise AssetError(
            f"{absent[0].path(folder)} ({absent[0].role}; {len(absent)} of {len(PUBLISHED[track])} files are missing). "
            f"Run: {absent[0].fetch(folder)}"
        )
    return folder
