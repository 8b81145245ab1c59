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
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    rows = (_object(line) for line in lines)
    return [row for row in rows if row is not None]


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file, or None if the file is missing, torn or not an object."""
    try:
        return _object(path.read_bytes())
    except FileNotFoundError:
        return None


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
