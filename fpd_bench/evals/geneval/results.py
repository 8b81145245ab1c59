"""results.jsonl: one line per image, GenEval's seven columns first and, behind them, all that rescoring needs.

GenEval's columns: filename, tag, prompt, correct, reason, metadata (JSON string), details (JSON string).
Ours: image_sha256, detections (JSON string: every box above the floor, not only the kept ones) and colours (JSON
string: a colour or null for each of those boxes). Files without them, as the original writes, are read as well.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fpd_bench.errors import AssetError
from fpd_bench.evals.geneval.detectors import Seen
from fpd_bench.evals.geneval.folder import Picture
from fpd_bench.evals.geneval.scoring import Detection, Verdict

Result = dict[str, Any]


def sha256(path: Path) -> str:
    """Of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def result(picture: Picture, verdict: Verdict, seen: Seen, colours: Mapping[bytes, str], floor: float) -> Result:
    """The line of one scored picture; boxes that score `floor` or less are not stored."""
    stored = {
        name: [box for box, _ in found if box[4] > floor]
        for name, found in seen.detections.items()
        if any(box[4] > floor for box, _ in found)
    }
    return {
        **verdict_columns(picture.name, picture.row, verdict),
        "image_sha256": sha256(picture.path) if picture.path.exists() else "",
        "detections": json.dumps({name: [[float(v) for v in box] for box in boxes] for name, boxes in stored.items()}),
        "colours": json.dumps({n: [colours.get(box.tobytes()) for box in boxes] for n, boxes in stored.items()}),
    }


def verdict_columns(name: str, row: Mapping[str, Any], verdict: Verdict) -> Result:
    """GenEval's seven columns."""
    return {
        "filename": name,
        "tag": row["tag"],
        "prompt": row["prompt"],
        "correct": verdict.correct,
        "reason": verdict.reason,
        "metadata": json.dumps(row),
        "details": json.dumps(verdict.details),
    }


def seen_in(row: Result) -> Seen:
    """What the detector saw, from a stored line; from GenEval's own files only the kept boxes, without colours."""
    boxes = json.loads(row["detections"] if "detections" in row else row["details"])
    named = json.loads(row.get("colours", "{}"))
    detections: dict[str, list[Detection]] = {}
    colours = {}
    for name, found in boxes.items():
        arrays = [np.array(box, dtype=np.float32) for box in found]
        detections[name] = [(box, None) for box in arrays]
        colours.update(
            {b.tobytes(): c for b, c in zip(arrays, named.get(name, [None] * len(arrays)), strict=True) if c}
        )
    return Seen(detections, colours)


def read(path: Path) -> list[Result]:
    """All lines of a results file; a torn last line is left out. Raises AssetError."""
    return _parse(path)[0]


def open_to_append(path: Path) -> int:
    """A file descriptor at the end of `path`, after cutting off a torn last line. The caller closes it."""
    good = _parse(path)[1] if path.exists() else 0
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    os.ftruncate(handle, good)
    os.lseek(handle, 0, os.SEEK_END)
    if good and os.pread(handle, 1, good - 1) != b"\n":
        os.write(handle, b"\n")
    return handle


def append(handle: int, row: Result) -> None:
    """Write one line at once."""
    os.write(handle, (json.dumps(row) + "\n").encode())


def write(path: Path, rows: Iterable[Result]) -> None:
    """Write a whole file, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text("".join(json.dumps(row) + "\n" for row in rows))
    part.replace(path)


def _parse(path: Path) -> tuple[list[Result], int]:
    """(the rows, how many bytes of the file they take)."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AssetError(f"Cannot read the results {path}: {error}.") from error
    rows: list[Result] = []
    good = 0
    lines = data.splitlines(keepends=True)
    for i, line in enumerate(lines):
        try:
            row = json.loads(line)
            _ = row["filename"], row["correct"], row["metadata"]
        except (ValueError, KeyError, TypeError) as error:
            if i == len(lines) - 1:
                break
            raise AssetError(f"Line {i + 1} of {path} is not a GenEval result ({error}).") from error
        rows.append(row)
        good += len(line)
    return rows, good
