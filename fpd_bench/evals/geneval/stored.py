"""What a detector saw, out of a line of results: boxes and colours that somebody else may have written."""

from dataclasses import asdict
from typing import Any

import numpy as np

from fpd_bench.errors import AssetError
from fpd_bench.evals.geneval.detectors import Seen
from fpd_bench.evals.geneval.results_file import Result
from fpd_bench.evals.geneval.results_manifest import FLOOR
from fpd_bench.evals.geneval.scoring import Box, Detection, Options
from fpd_bench.files.text import parse

BOX = "[x1, y1, x2, y2, score]"


def name_of(filename: str) -> str:
    """Cut a path from anywhere to the one inside an image folder, 00000/samples/0000.png, as GenEval writes it."""
    return "/".join([part for part in filename.replace("\\", "/").split("/") if part][-3:])


def seen_in(row: Result, manifest: dict[str, Any] | None = None) -> Seen:
    """Read all that our lines store, and from GenEval's own the kept boxes only, without colours or masks.

    manifest: of the file that the row is from, if it has one. Raises AssetError for what are no boxes or colours.
    """
    where = f"The detections of {row['filename']}"
    ours = "detections" in row
    boxes = parse(row["detections"] if ours else row["details"], where)
    named = parse(row.get("colours") or "{}", f"The colours of {row['filename']}")
    if not isinstance(boxes, dict) or not isinstance(named, dict):
        raise AssetError(f"{where} must be {{class: [{BOX}, ...]}}.")
    detections: dict[str, list[Detection]] = {}
    colours: dict[str, list[str | None]] = {}
    for name, found in boxes.items():
        if not isinstance(found, list):
            raise AssetError(f"{where} must be {{class: [{BOX}, ...]}}; {name} has {found!r:.60}.")
        detections[name] = [(as_box(box, f"{where}, {name}"), None) for box in found]
        colours[name] = as_colours(named.get(name) or [None] * len(found), len(found), f"{where}, {name}")
    return Seen(detections, colours, floor_of(row, manifest))


def as_box(found: Any, where: str) -> Box:
    """Check what JSON gave and make it float32 [x1, y1, x2, y2, score]. Raises AssetError."""
    numbers = isinstance(found, list) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in found)
    if not numbers or len(found) != 5:
        raise AssetError(f"{where}: a box is {BOX}; got {found!r:.80}.")
    with np.errstate(over="ignore"):
        box = np.array([min(max(v, -1e300), 1e300) for v in found], dtype=np.float64).astype(np.float32)
    x1, y1, x2, y2, score = box.tolist()
    if not np.isfinite(box).all() or x2 < x1 or y2 < y1 or not 0 <= score <= 1:
        raise AssetError(f"{where}: a box is {BOX} with x1 <= x2, y1 <= y2 and a score from 0 to 1; got {found!r:.80}.")
    return box


def as_colours(found: Any, count: int, where: str) -> list[str | None]:
    """Check that there is a colour or null for each box. Raises AssetError."""
    right = isinstance(found, list) and all(colour is None or isinstance(colour, str) for colour in found)
    if not right or len(found) != count:
        raise AssetError(f"{where}: each of the {count} boxes needs a colour or null; got {found!r:.80}.")
    return list(found)


def floor_of(row: Result, manifest: dict[str, Any] | None) -> float:
    """Say up to which score detections are missing in the row."""
    if "floor" in row:
        return float(row["floor"])
    if "detections" in row:
        return float((manifest or {}).get("floor", FLOOR))
    used = (manifest or {}).get("options", asdict(Options()))
    return float(used["counting_threshold"] if row.get("tag") == "counting" else used["threshold"])


def require_floor(name: str, tag: str, options: Options, floor: float) -> None:
    """Raise AssetError if `options` would count detections that are not stored."""
    wanted = options.counting_threshold if tag == "counting" else options.threshold
    if wanted < floor:
        raise AssetError(
            f"{name} has no stored detections between {wanted} and {floor}. Use a threshold of at least {floor} for "
            f"task {tag}, or score the images again."
        )
