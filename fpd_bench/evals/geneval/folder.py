"""GenEval's image folder: <root>/<digits>/metadata.jsonl and <root>/<digits>/samples/<digits>.png.

The original reads whatever is there and averages it; published numbers have missed prompts unnoticed. Here a folder
is complete (every prompt of the suite once, the same number of images each) or the reader says what is missing.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.geneval.prompts import Row


@dataclass(frozen=True)
class Picture:
    """One image and the row it was made for. name: its path inside the folder, with forward slashes."""

    name: str
    path: Path
    row: Row

    def pixels(self) -> NDArray[np.uint8]:
        """RGB uint8 [H, W, 3], turned upright as its EXIF tag says. Raises AssetError for an unreadable file."""
        try:
            with Image.open(self.path) as image:
                return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        except OSError as error:
            raise AssetError(f"Cannot read the image {self.path}: {error}. Generate it again.") from error


def write_prompt(root: Path, index: int, row: Row, images: NDArray[np.uint8]) -> None:
    """Write prompt `index` with its images [n, H, W, 3], as GenEval's generator names them."""
    folder = root / f"{index:05}"
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / "samples" / f"{i:05}.png")
    (folder / "metadata.jsonl").write_text(json.dumps(row))


def read_folder(root: Path, rows: Sequence[Row], images_per_prompt: int, *, partial: bool = False) -> list[Picture]:
    """All pictures, ordered by folder and image number.

    rows: the suite; images_per_prompt: how many each must have; partial: accept missing prompts and images.
    Raises ConfigError for an incomplete folder or a prompt that is foreign or repeated, AssetError if unreadable.
    """
    if not root.is_dir():
        raise ConfigError(f"There is no folder {root}. Write images as {root}/00000/samples/00000.png.")
    pictures = []
    folders: list[Row] = []
    for folder in sorted((f for f in root.iterdir() if f.is_dir() and f.name.isdigit()), key=_number):
        row = _metadata(folder / "metadata.jsonl")
        folders.append(row)
        for path in sorted((folder / "samples").glob("*.png*"), key=_number):
            if re.match(r"\d+\.png", path.name):
                pictures.append(Picture(path.relative_to(root).as_posix(), path, row))
    if not pictures:
        raise ConfigError(f"The folder {root} has no images like 00000/samples/00000.png.")
    repeated = [prompt for prompt, n in Counter(_key(r) for r in folders).items() if n > 1]
    if repeated:
        raise ConfigError(f"{root} holds the same prompt in two folders: {repeated[0]}. Remove one of them.")
    check_complete(Counter(_key(p.row) for p in pictures), rows, images_per_prompt, str(root), partial=partial)
    return pictures


def check_complete(
    counts: Counter[str], rows: Sequence[Row], images_per_prompt: int, where: str, *, partial: bool = False
) -> None:
    """Raise ConfigError unless each row of the suite has its images, and nothing else is there.

    counts: images per metadata string, as json.dumps writes it.
    """
    known = {_key(row): row["prompt"] for row in rows}
    foreign = [text for text in counts if text not in known]
    if foreign:
        raise ConfigError(
            f"{where} holds {len(foreign)} prompts that the suite of {len(known)} does not have, for example "
            f"{foreign[0]}. Name the suite's metadata file with --metadata FILE."
        )
    wrong = [f"'{prompt}' has {counts[key]}" for key, prompt in known.items() if counts[key] != images_per_prompt]
    if wrong and not partial:
        raise ConfigError(
            f"{where} is incomplete: {len(wrong)} of {len(known)} prompts do not have {images_per_prompt} images, "
            f"for example {'; '.join(wrong[:3])}. Generate the rest, set --images-per-prompt, or accept it with "
            "--partial (the number is then not comparable)."
        )


def read_rows(path: Path) -> list[Row]:
    """The rows of a metadata file, one JSON document a line. Raises AssetError."""
    try:
        return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    except (OSError, json.JSONDecodeError) as error:
        raise AssetError(f"Cannot read the prompts in {path}: {error}.") from error


def _metadata(path: Path) -> Row:
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise AssetError(f"{path} must hold one JSON object, a row of the suite: {error}.") from error


def _key(row: Row) -> str:
    return json.dumps(row)


def _number(path: Path) -> tuple[int, str]:
    digits = re.match(r"\d+", path.name)
    return (int(digits.group()) if digits else -1, path.name)
