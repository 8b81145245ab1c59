"""Images made elsewhere: GenEval's folders, or one flat folder of files in the suite's order. Registry entry `folder`.

GenEval's:  <source>/00000/metadata.jsonl and <source>/00000/samples/00000.png, one numbered folder per prompt, matched
            by the prompt's text, so that their order does not matter.
flat:       <source>/*.png, sorted by name; the first `images_per_prompt` belong to the suite's first prompt, and so on.
            Numbers must have the same number of digits: by name 10.png comes before 2.png.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from fpd_bench.bench import Images, Suite
from fpd_bench.config.schema import RunConfig
from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.files.folders import IMAGES, files_below
from fpd_bench.files.images import read_rgb
from fpd_bench.files.text import read_json
from fpd_bench.registry import generators


@generators.register("folder")
class FolderGenerator:
    """Reads `config.generator.source`. A folder that lacks an image is refused, never averaged as it is."""

    def __init__(self, config: RunConfig):
        self.root = Path(config.generator.source)
        if not self.root.is_dir():
            raise ConfigError(f"generator.source='{self.root}' is not a folder.")

    @cached_property
    def assets(self) -> dict[str, str]:
        """Return one hash over names and contents of all images."""
        combined = hashlib.sha256()
        for path in files_below(self.root, IMAGES):
            combined.update(f"{path.relative_to(self.root).as_posix()}\n".encode())
            combined.update(hashlib.sha256(path.read_bytes()).digest())
        return {"folder/images": combined.hexdigest()}

    def images(self, suite: Suite, replicates: int, begin: int = 0) -> Iterator[Images]:
        """Read the suite's images, `replicates` each. Raises ConfigError if the folder does not hold them, or if
        sizes differ.
        """
        files = self._files(suite, replicates)
        expected: tuple[int, ...] | None = None
        for path in [files[0], *files[begin:]]:  # all are compared with the first, also when a run goes on
            image = read_rgb(path)
            if expected is not None:
                yield image
            expected = expected or tuple(image.shape)
            if tuple(image.shape) != expected:
                raise ConfigError(
                    f"'{path}' has {image.shape[1]} x {image.shape[0]} px, '{files[0]}' has {expected[1]} x "
                    f"{expected[0]}. Bring all images of '{self.root}' to one size."
                )

    def _files(self, suite: Suite, replicates: int) -> list[Path]:
        numbered = [path for path in self.root.iterdir() if path.is_dir() and path.name.isdigit()]
        files = self._by_prompt(suite, replicates, numbered) if numbered else _by_name(self.root)
        wanted = len(suite.items) * replicates
        if len(files) != wanted:
            raise ConfigError(
                f"'{self.root}' holds {len(files)} images; suite '{suite.name}' has {len(suite.items)} prompts x "
                f"evaluation.images_per_prompt={replicates} = {wanted}."
            )
        return files

    def _by_prompt(self, suite: Suite, replicates: int, folders: Sequence[Path]) -> list[Path]:
        """List the files in the suite's order. Raises ConfigError naming what is missing."""
        found: dict[str, Path] = {}
        for folder in folders:
            prompt = _read_prompt(folder / "metadata.jsonl")
            if prompt in found:
                raise ConfigError(
                    f"'{found[prompt]}' and '{folder}' both hold images of the prompt '{prompt}'. Remove one."
                )
            found[prompt] = folder
        files: list[Path] = []
        for item in suite.items:
            images = _by_number(found[item.prompt] / "samples") if item.prompt in found else []
            if len(images) < replicates:
                raise ConfigError(
                    f"'{self.root}' has {len(images)} images of '{item.prompt}', suite '{suite.name}' needs "
                    f"{replicates} (evaluation.images_per_prompt). Add the missing images, or set a smaller number."
                )
            files += images[:replicates]
        return files


def _files(folder: Path) -> list[Path]:
    """List all images but the sheet that GenEval's generator may put beside them."""
    return [path for path in files_below(folder, IMAGES, deep=False) if path.stem != "grid"]


def _by_number(folder: Path) -> list[Path]:
    """List GenEval's 00000.png, 00001.png, ..., however many digits they have."""
    return sorted(_files(folder), key=lambda path: (int(path.stem) if path.stem.isdecimal() else -1, path.name))


def _by_name(folder: Path) -> list[Path]:
    """List the images by name. Raises ConfigError where the order of the names is not the order of the numbers in
    them.
    """
    files = _files(folder)
    natural = sorted(files, key=lambda path: _by_value(path.name))
    if files != natural:
        wrong = next(n for n, pair in enumerate(zip(files, natural, strict=True)) if pair[0] != pair[1])
        raise ConfigError(
            f"'{folder}' is read by name, and by name '{files[wrong].name}' comes before '{natural[wrong].name}': the "
            "images would go to the wrong prompts. Give all numbers the same number of digits, such as 00002.png."
        )
    return files


def _by_value(name: str) -> list[tuple[int, str]]:
    """Split a name into texts and numbers: 'a10.png' -> [(-1, 'a'), (10, ''), (-1, '.png')], which sorts numbers by
    value.
    """
    found = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(int(part), "") if part[0] in "0123456789" else (-1, part) for part in found]


def _read_prompt(path: Path) -> str:
    row = read_json(path)
    if not isinstance(row.get("prompt"), str):
        raise AssetError(f"'{path}' must hold one JSON object with a prompt, a text; it has {row.get('prompt')!r:.60}.")
    return row["prompt"]
