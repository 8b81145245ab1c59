"""Detections from a file: another machine's detector, or earlier results.

Either a results.jsonl of ours or of GenEval, or one JSON object {image name: {class: [[x1, y1, x2, y2, score], ...]}}
where a box may carry a colour as its sixth element. Names are paths inside the image folder.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.geneval import results
from fpd_bench.evals.geneval.detectors import Image, Seen


class PrecomputedBackend:
    """Looks up stored detections by image name."""

    def __init__(self, file: str | Path):
        path = Path(file)
        rows = results.read(path) if path.suffix == ".jsonl" else _rows(path)
        self._seen = {row["filename"]: results.seen_in(row) for row in rows}
        self.identity = {"backend": "precomputed", "file_sha256": results.sha256(path)}

    def see(self, images: Sequence[Image], keys: Sequence[str]) -> list[Seen]:
        """See Backend. Raises ConfigError for an image that the file does not have."""
        missing = [key for key in keys if key not in self._seen]
        if missing:
            raise ConfigError(f"The stored detections ({len(self._seen)} images) lack {missing[0]}.")
        return [self._seen[key] for key in keys]


def _rows(path: Path) -> list[results.Result]:
    """The JSON object as result lines."""
    try:
        images = json.loads(path.read_text())
        return [
            {
                "filename": name,
                "detections": json.dumps({c: [box[:5] for box in boxes] for c, boxes in classes.items()}),
                "colours": json.dumps(
                    {c: [box[5] if len(box) > 5 else None for box in boxes] for c, boxes in classes.items()}
                ),
            }
            for name, classes in images.items()
        ]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise AssetError(
            f"{path} must hold {{image name: {{class: [[x1, y1, x2, y2, score], ...]}}}} as JSON: {error}."
        ) from error
