"""Detections from a file: another machine's detector, or earlier results.

Either a results.jsonl of ours or of GenEval, or one JSON object {image name: {class: [[x1, y1, x2, y2, score], ...]}}
where a box may carry a colour as its sixth element. An image is known by the last three parts of its path
(00000/samples/0000.png): GenEval writes whole paths of its own machine. No such file holds masks.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.geneval import results_file
from fpd_bench.evals.geneval import results_manifest as manifests
from fpd_bench.evals.geneval.detectors import DetectorSettings, Image, Seen, known_colours
from fpd_bench.evals.geneval.folder import Picture
from fpd_bench.evals.geneval.prompt_rows import as_row, key
from fpd_bench.evals.geneval.scoring import Options, evaluate_image
from fpd_bench.evals.geneval.stored import BOX, as_box, as_colours, name_of, require_floor, seen_in
from fpd_bench.files.text import parse, read_json


class PrecomputedBackend:
    """Looks up stored detections by image name."""

    knows_colours: ClassVar[bool] = True

    def __init__(self, file: str | Path):
        path = Path(file)
        self._rows: dict[str, results_file.Result] = {}
        if path.suffix == ".jsonl":
            rows, manifest = results_file.read(path, complete=True), manifests.read(path)
            self._rows = _by_name(((row["filename"], row) for row in rows), path)
            self._seen = {name: seen_in(row, manifest) for name, row in self._rows.items()}
        else:
            self._seen = {
                name: _seen(found, f"'{path}', {name}")
                for name, found in _by_name(read_json(path).items(), path).items()
            }
        self.identity = {"backend": "precomputed", "file_sha256": results_file.input_sha256(path), "masks": "none"}

    @classmethod
    def from_settings(cls, settings: DetectorSettings) -> Self:
        """Make it as `Backend.from_settings`; its weights are the file of stored detections."""
        if not settings.weights:
            raise ConfigError(
                "The detector 'precomputed' needs the file of stored detections. Add --weights FILE (.json or .jsonl)."
            )
        return cls(settings.weights)

    def see(self, images: Sequence[Image], keys: Sequence[str]) -> list[Seen]:
        """Look up as `Backend.see`. Raises ConfigError for an image that the file does not have."""
        missing = [name for name in keys if name_of(name) not in self._seen]
        if missing:
            example = next(iter(self._seen), "none")
            raise ConfigError(
                f"The stored detections ({len(self._seen)} images, such as {example}) lack {missing[0]} and "
                f"{len(missing) - 1} other images."
            )
        return [self._seen[name_of(name)] for name in keys]

    def require(self, pictures: Sequence[Picture], options: Options, *, colours: bool) -> None:
        """Check that it has all that scoring needs, of exactly these pictures. Raises ConfigError, AssetError.

        colours: whether those that a prompt asks for must be there, too, since no classifier will name them.
        """
        for picture, seen in zip(pictures, self.see([], [picture.name for picture in pictures]), strict=True):
            require_floor(picture.name, picture.row["tag"], options, seen.floor)
            if colours:
                evaluate_image(seen.detections, picture.row, known_colours(seen.answers()), options)
            row = self._rows.get(name_of(picture.name))
            if row is None:
                continue
            where = f"The metadata of {row['filename']}"
            if key(as_row(parse(row["metadata"], where), where)) != key(picture.row):
                raise ConfigError(
                    f"The stored detections of {row['filename']} are of '{row['prompt']}', but {picture.path} is of "
                    f"'{picture.row['prompt']}': they belong to another image folder."
                )
            if row.get("image_sha256") and row["image_sha256"] != results_file.input_sha256(picture.path):
                raise ConfigError(f"{picture.path} is not the image that the stored detections are of: it has changed.")


def _by_name(found: Iterable[tuple[str, Any]], path: Path) -> dict[str, Any]:
    """Map images' names to what was found. Raises AssetError for two images of one name."""
    named: dict[str, Any] = {}
    for filename, value in found:
        if name_of(filename) in named:
            raise AssetError(f"'{path}' has two images {name_of(filename)}. Keep those of one image folder.")
        named[name_of(filename)] = value
    return named


def _seen(found: Any, where: str) -> Seen:
    """Read what the JSON object says of one image."""
    if not isinstance(found, dict) or not all(isinstance(boxes, list) for boxes in found.values()):
        raise AssetError(f"{where} must be {{class: [{BOX}, ...]}} with perhaps a colour behind each score.")
    detections, colours = {}, {}
    for name, boxes in found.items():
        split = [(box[:5], box[5:]) if isinstance(box, list) else (box, []) for box in boxes]
        detections[name] = [(as_box(box, f"{where}, {name}"), None) for box, _ in split]
        colours[name] = as_colours([c[0] if len(c) == 1 else c or None for _, c in split], len(split), where)
    return Seen(detections, colours)
