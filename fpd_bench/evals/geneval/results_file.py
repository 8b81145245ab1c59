"""results.jsonl: one line per image, GenEval's seven columns first and, behind them, all that rescoring needs.

GenEval's columns: filename, tag, prompt, correct, reason, metadata (JSON string), details (JSON string).
Ours: image_sha256, floor (detections that score no more are not stored), detections (JSON string: every box above the
floor, not only the kept ones), colours (JSON string: a colour or null for each of those boxes) and seal (a checksum of
the line). Files without them, as the original writes, are read as well.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fpd_bench.errors import AssetError
from fpd_bench.evals.geneval.detectors import Answers, Seen, key_of
from fpd_bench.evals.geneval.folder import Picture
from fpd_bench.evals.geneval.scoring import Detection, ImageJudgement
from fpd_bench.files.text import parse, read_bytes, sealed, unsealed

Result = dict[str, Any]
TEXTS = ("filename", "tag", "prompt", "metadata", "details")  # columns that must be texts


def input_sha256(path: Path) -> str:
    """Hash a file's bytes (hex digest). Raises AssetError."""
    return hashlib.sha256(read_bytes(path)).hexdigest()


def result(picture: Picture, judgement: ImageJudgement, seen: Seen, colours: Answers, floor: float) -> Result:
    """Make the line of one scored picture; boxes that score `floor` or less are not stored."""
    stored: dict[str, list[Detection]] = {}
    for name, found in seen.detections.items():
        above = [detection for detection in found if detection[0][4] > floor]
        if above:
            stored[name] = above
    boxes = {name: [[float(v) for v in box] for box, _ in found] for name, found in stored.items()}
    named = {name: [colours.get(key_of(name, detection)) for detection in found] for name, found in stored.items()}
    return {
        **judgement_columns(picture.name, picture.row, judgement),
        "image_sha256": input_sha256(picture.path) if picture.path.exists() else "",
        "floor": max(floor, seen.floor),
        "detections": json.dumps(boxes),
        "colours": json.dumps(named),
    }


def judgement_columns(name: str, row: Mapping[str, Any], judgement: ImageJudgement) -> Result:
    """Fill GenEval's seven columns."""
    return {
        "filename": name,
        "tag": row["tag"],
        "prompt": row["prompt"],
        "correct": judgement.correct,
        "reason": judgement.reason,
        "metadata": json.dumps(row),
        "details": json.dumps(judgement.details),
    }


def read(path: Path, *, complete: bool = False) -> list[Result]:
    """Read all lines of a results file. A torn last line, as a kill leaves it, is left out.

    complete: it is refused, because numbers are made of what is there. Raises AssetError.
    """
    rows, good, length = _parse(path)
    if complete and good < length:
        raise AssetError(
            f"The last line of {path} is incomplete, because its writer was stopped. Run the command that wrote "
            "the file again: it continues there."
        )
    return rows


def open_to_append(path: Path) -> int:
    """Open `path` for appending, after cutting off a torn last line; give its descriptor. The caller closes it."""
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
    os.write(handle, _line(row).encode())


def write(path: Path, rows: Iterable[Result]) -> None:
    """Write a whole file, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text("".join(map(_line, rows)), encoding="utf-8")
    part.replace(path)


def _line(row: Result) -> str:
    return json.dumps(sealed(row)) + "\n"


def _parse(path: Path) -> tuple[list[Result], int, int]:
    """Read (the rows, the bytes that they take, the bytes of the file). Only a line without its end may be torn."""
    data = read_bytes(path)
    rows: list[Result] = []
    good = 0
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        try:
            row = _row(line, f"Line {number} of {path}")
        except AssetError:
            if good + len(line) == len(data) and not line.endswith(b"\n"):
                break
            raise
        rows.append(row)
        good += len(line)
    return rows, good, len(data)


def _row(line: bytes, where: str) -> Result:
    """Read one line. Raises AssetError for one that is no result, or is no longer what was written."""
    row = parse(line, where)
    if not isinstance(row, dict):
        raise AssetError(f"{where} is not a GenEval result: it is a {type(row).__name__}.")
    for name in TEXTS:
        if not isinstance(row.get(name), str):
            raise AssetError(f"{where} is not a GenEval result: its {name} is {row.get(name)!r:.60}, not a text.")
    if row.get("correct") not in (True, False):
        raise AssetError(f"{where} is not a GenEval result: its correct is {row.get('correct')!r:.60}.")
    floor = row.get("floor", 0)
    if isinstance(floor, bool) or not isinstance(floor, int | float) or not 0 <= floor <= 1:
        raise AssetError(f"{where} is not a GenEval result: its floor is {floor!r:.60}.")
    return unsealed(row, where) | {"correct": bool(row["correct"])}
