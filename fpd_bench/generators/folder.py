"""Images made elsewhere: GenEval's folders, or one flat folder of files in the suite's order. Registry entry `folder`.

GenEval's:  <source>/00000/metadata.jsonl and <source>/00000/samples/00000.png, one numbered folder per prompt, matched
            by the prompt's text, so that their order does not matter.
flat:       <source>/*.png, sorted by name; the first `images_per_prompt` belong to the suite's first prompt, and so on.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from fpd_bench.bench import Suite
from fpd_bench.config.schema import RunConfig
from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.registry import generators

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@generators.register("folder")
class FolderGenerator:
    """Reads `config.generator.source`. A folder that lacks an image is refused, never averaged as it is."""

    def __init__(self, config: RunConfig):
        self.root = Path(config.generator.source)
        if not self.root.is_dir():
            raise ConfigError(f"generator.source='{self.root}' is not a folder.")

    @cached_property
    def assets(self) -> dict[str, str]:
        """One hash over names and contents of all images."""
        whole = hashlib.sha256()
        for path in sorted(found for found in self.root.rglob("*") if found.suffix.lower() in SUFFIXES):
            whole.update(f"{path.relative_to(self.root).as_posix()}\n".encode())
            whole.update(hashlib.sha256(path.read_bytes()).digest())
        return {"folder/images": whole.hexdigest()}

    def images(self, suite: Suite, replicates: int, begin: int = 0) -> Iterator[Tensor]:
        """Raises ConfigError if the folder does not hold the suite's images, `replicates` each, or if sizes differ."""
        files = self._files(suite, replicates)
        expected: tuple[int, ...] | None = None
        for path in [files[0], *files[begin:]]:  # all are compared with the first, also when a run goes on
            image = _read(path)
            if expected is not None:
                yield image
            expected = expected or tuple(image.shape)
            if tuple(image.shape) != expected:
                raise ConfigError(
                    f"'{path}' has {image.shape[2]} x {image.shape[1]} px, '{files[0]}' has {expected[2]} x "
                    f"{expected[1]}. Bring all images of '{self.root}' to one size."
                )

    def _files(self, suite: Suite, replicates: int) -> list[Path]:
        numbered = [path for path in self.root.iterdir() if path.is_dir() and path.name.isdigit()]
        files = self._by_prompt(suite, replicates, numbered) if numbered else _sorted(self.root)
        wanted = len(suite.items) * replicates
        if len(files) != wanted:
            raise ConfigError(
                f"'{self.root}' holds {len(files)} images; suite '{suite.name}' has {len(suite.items)} prompts x "
                f"evaluation.images_per_prompt={replicates} = {wanted}."
            )
        return files

    def _by_prompt(self, suite: Suite, replicates: int, folders: Sequence[Path]) -> list[Path]:
        """Files in the suite's order. Raises ConfigError naming what is missing."""
        found: dict[str, Path] = {}
        for folder in folders:
            prompt = _prompt(folder / "metadata.jsonl")
            if prompt in found:
                raise ConfigError(f"'{found[prompt]}' and '{folder}' are both of the prompt '{prompt}'. Remove one.")
            found[prompt] = folder
        files: list[Path] = []
        for item in suite.items:
            images = _sorted(found[item.prompt] / "samples") if item.prompt in found else []
            if len(images) < replicates:
                raise ConfigError(
                    f"'{self.root}' has {len(images)} images of '{item.prompt}', suite '{suite.name}' needs "
                    f"{replicates} (evaluation.images_per_prompt). Make the rest, or ask for fewer."
                )
            files += images[:replicates]
        return files


def _sorted(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES and path.stem != "grid")


def _prompt(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["prompt"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AssetError(f"'{path}' must hold one JSON object with a prompt: {error}.") from error


def _read(path: Path) -> Tensor:
    try:
        with Image.open(path) as image:
            pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise AssetError(f"Cannot read the image '{path}': {error}. Make it again.") from error
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)
