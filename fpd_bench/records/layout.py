"""Names of the files in a results folder and how to read them: the one list that writers and the ingester share.

It lives below `runs` so that the ingester can read run directories without importing the code that writes them.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

RUNS = "runs"  # results/runs/<run_id>/
INDEX = "index.sqlite"  # results/index.sqlite

CONFIG = "config.yaml"
IDENTITY = "run.json"
CLAIM = "claim.json"
HEARTBEAT = "heartbeat.json"  # who works on the run and how far it is; no table needs it
ATTEMPTS = "attempts"  # <n>.json
EVENTS = "events.jsonl"
TRAIN = "train.jsonl"
CHECKPOINTS = "checkpoints"  # step_<n>.pt and .sha256
STUDENT = "student.safetensors"
PICTURES = "pictures"  # step_<n>.png
SAMPLES = "samples"  # <suite>.npz
EVAL = "eval"  # <suite>.jsonl
DONE = "DONE"


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON-lines file; [] if it is not there.

    Lines that do not parse are left out: a killed writer leaves a torn line at the end, and the next attempt
    appends after it.
    """
    try:
        lines = [line for line in path.read_bytes().split(b"\n") if line]
    except FileNotFoundError:
        return []
    return _all_at_once(lines) or [row for row in map(_object, lines) if row is not None]


def _all_at_once(lines: list[bytes]) -> list[dict[str, Any]] | None:
    """All lines by one call of the parser, three times as fast as one by one; None if any is not an object."""
    try:
        rows = json.loads(b"[" + b",".join(lines) + b"]")
    except ValueError:
        return None
    return rows if len(rows) == len(lines) and all(isinstance(row, dict) for row in rows) else None


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file, or None if the file is missing, torn or not an object."""
    try:
        return _object(path.read_bytes())
    except FileNotFoundError:
        return None


def is_run_id(name: str) -> bool:
    """Whether a folder's name is one that a run can have."""
    return len(name) == 12 and set(name) <= set("0123456789abcdef")


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:  # torn JSON, or bytes cut inside a UTF-8 character
        return None
    return value if isinstance(value, dict) else None
