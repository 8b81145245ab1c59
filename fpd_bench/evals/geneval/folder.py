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
from PIL import Image

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.geneval.prompt_grammar import Row
from fpd_bench.evals.geneval.prompt_rows import key, read_row
from fpd_bench.files.folders import IMAGES, OTHER_IMAGES
from fpd_bench.files.images import read_rgb


@dataclass(frozen=True)
class Picture:
    """One image and the row it was made for. name: its path inside the folder, with forward slashes."""

    name: str
    path: Path
    row: Row

    def pixels(self) -> NDArray[np.uint8]:
        """Read RGB uint8 [H, W, 3], turned upright as its EXIF tag says. Raises AssetError for an unreadable file."""
        return read_rgb(self.path)


def write_prompt(root: Path, index: int, row: Row, images: NDArray[np.uint8]) -> None:
    """Write prompt `index` with its images [n, H, W, 3], as GenEval's generator names them."""
    folder = root / f"{index:05}"
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / "samples" / f"{i:05}.png")
    (folder / "metadata.jsonl").write_text(json.dumps(row), encoding="utf-8")


def read_folder(root: Path, rows: Sequence[Row], images_per_prompt: int, *, partial: bool = False) -> list[Picture]:
    """List all pictures, ordered by folder and image number, each with the suite's own row.

    rows: the suite; images_per_prompt: how many each must have; partial: accept missing prompts and images.
    Raises ConfigError for an incomplete folder or a prompt that is foreign or repeated, AssetError if unreadable.
    """
    if not root.is_dir():
        raise ConfigError(f"There is no folder {root}. Write images as {root}/00000/samples/00000.png.")
    suite = {key(row): row for row in rows}
    pictures = []
    folders: dict[str, Path] = {}
    for folder in sorted((f for f in root.iterdir() if f.is_dir() and f.name.isdigit()), key=_number):
        row = read_row(folder / "metadata.jsonl")
        asked = key(row)
        if asked in folders:
            raise ConfigError(
                f"{root} holds the same prompt in two folders, {folders[asked].name} and {folder.name}: "
                f"'{row['prompt']}'. Remove one of them."
            )
        folders[asked] = folder
        pictures += [Picture(p.relative_to(root).as_posix(), p, suite.get(asked, row)) for p in _samples(folder)]
    if not pictures:
        raise ConfigError(f"The folder {root} has no images like 00000/samples/00000.png.")
    check_complete(Counter(key(p.row) for p in pictures), rows, images_per_prompt, str(root), partial=partial)
    return pictures


def _samples(folder: Path) -> list[Path]:
    """List what GenEval reads as images: digits and '.png', whatever follows. Raises AssetError for numbered others."""
    found = sorted((folder / "samples").glob("*"), key=_number)
    for path in found:
        if path.stem.isdigit() and path.suffix.lower() in (*IMAGES, *OTHER_IMAGES) and path.suffix != ".png":
            raise AssetError(f"'{path}' is not read: GenEval's images are .png files. Convert it, or remove it.")
    return [path for path in found if re.match(r"\d+\.png", path.name)]


def check_complete(
    counts: Counter[str], rows: Sequence[Row], images_per_prompt: int, where: str, *, partial: bool = False
) -> None:
    """Raise ConfigError unless each row of the suite has its images, and nothing else is there.

    counts: images per key of a row. partial: fewer images are accepted; more never are.
    """
    n, known = images_per_prompt, {key(row): row["prompt"] for row in rows}
    foreign = [text for text in counts if text not in known]
    if foreign:
        raise ConfigError(
            f"{where} holds {len(foreign)} prompts that the suite of {len(known)} does not have, for example "
            f"{foreign[0]}. Name the suite's metadata file with --metadata FILE."
        )
    surplus = [
        f"'{prompt}' has {counts[asked]}" for asked, prompt in known.items() if counts[asked] > images_per_prompt
    ]
    if surplus:
        raise ConfigError(
            f"{where} has more than {n} images of {len(surplus)} of {len(known)} prompts, for example "
            f"{'; '.join(surplus[:3])}. Remove the surplus, or set --images-per-prompt."
        )
    wrong = [f"'{prompt}' has {counts[asked]}" for asked, prompt in known.items() if counts[asked] < n]
    if wrong and not partial:
        raise ConfigError(
            f"{where} is incomplete: {len(wrong)} of {len(known)} prompts do not have {n} images, "
            f"for example {'; '.join(wrong[:3])}. Generate the rest, set --images-per-prompt, or accept it with "
            "--partial (the number is then not comparable)."
        )


def _number(path: Path) -> tuple[int, str]:
    digits = re.match(r"\d+", path.name)
    return (int(digits.group()) if digits else -1, path.name)
