"""Does the detector still see what it saw? Mis-built operators have lowered GenEval scores without an error.

A self-test file is JSON {"image": file beside it, "detector": identity, "objects": [[class, x1, y1, x2, y2, score],
...]}, recorded on a machine that is trusted and checked on every other one.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from fpd_bench.errors import AssetError, RunError
from fpd_bench.evals.geneval.detectors import Backend
from fpd_bench.evals.geneval.folder import Picture
from fpd_bench.evals.geneval.scoring import compute_iou
from fpd_bench.evals.geneval.stored import as_box
from fpd_bench.files.text import read_json

RECORD = "Record one with `selftest --record`."
MIN_SCORE, MIN_IOU, SCORE_TOLERANCE = 0.3, 0.9, 0.02


def record(detector: Backend, image: Path, out: Path) -> int:
    """Write what the detector sees in `image` (score > .3) to `out`, beside it; returns the number of objects."""
    objects = _objects(detector, image)
    if not objects:
        raise RunError(f"The detector sees nothing in {image}; record the self-test with a picture of objects.")
    if out.resolve().parent != image.resolve().parent:
        raise AssetError(f"Keep the self-test beside its image: write {image.with_suffix('.json')}.")
    content = {"image": image.name, "detector": detector.identity, "objects": objects}
    out.write_text(json.dumps(content, indent=1) + "\n")
    return len(objects)


def check(detector: Backend, expected: Path) -> int:
    """Compare with a recorded self-test; returns the number of objects. Raises RunError for the first difference.

    Each expected object needs one of its class with IoU >= .9 and a score within .02. Scores within .02 of the
    recording threshold may come or go; any other new object is a difference.
    """
    content = read_json(expected)
    objects, image = content.get("objects"), content.get("image")
    if not isinstance(image, str) or not isinstance(objects, list) or not objects:
        raise AssetError(f"{expected} is not a self-test: it lacks an image or objects. {RECORD}")
    wanted = [_wanted(entry, expected) for entry in objects]
    image = expected.parent / image
    left = _objects(detector, image)
    for name, *box in wanted:
        match = [o for o in left if o[0] == name and compute_iou(o[1:5], box[:4]) >= MIN_IOU]
        near = [o for o in match if abs(o[5] - box[4]) <= SCORE_TOLERANCE]
        if near:
            left.remove(near[0])
        elif box[4] > MIN_SCORE + SCORE_TOLERANCE:
            saw = f"score {match[0][5]:.3f}" if match else "nothing"
            place = np.round(box[:4], 1).tolist()
            raise RunError(
                f"Detector self-test failed: expected {name} at {place} with score {box[4]:.3f}, "
                f"saw {saw}. Scores made here are wrong; compare versions and weights with {content.get('detector')}."
            )
    extra = [o for o in left if o[5] > MIN_SCORE + SCORE_TOLERANCE]
    if extra:
        raise RunError(f"Detector self-test failed: unexpected {extra[0][0]} with score {extra[0][5]:.3f}.")
    return len(wanted)


def _wanted(entry: Any, expected: Path) -> list[Any]:
    """Read [class, x1, y1, x2, y2, score]. Raises AssetError."""
    if not isinstance(entry, list) or not entry or not isinstance(entry[0], str):
        raise AssetError(f"{expected} is not a self-test: an object is {entry!r:.60}. {RECORD}")
    return [entry[0], *as_box(entry[1:], f"{expected}, {entry[0]}").tolist()]


def _objects(detector: Backend, image: Path) -> list[list]:
    pixels = Picture(image.name, image, {}).pixels()
    (seen,) = detector.see([pixels], [image.name])
    return [
        [name, *(float(v) for v in box)]
        for name, found in seen.detections.items()
        for box, _ in sorted(found, key=lambda item: -float(item[0][4]))
        if box[4] > MIN_SCORE
    ]
