"""Names of the files in a results folder and how to read them: the one list that writers and the ingester share.

It lives below `runs` so that the ingester can read run directories without importing the code that writes them.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from fpd_bench.errors import OddFile
from fpd_bench.records.odd_files import DEEPEST, parse_json, read_bytes, require_types

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
PAUSE = "@"  # <suite>@<step> are answers of a run that paused there; no table reads them
DONE = "DONE"
NOTES = "notes.json"  # what people have said of the run: tags and a note; no number depends on it
SUBMISSION = "submission.json"  # which batch job has the run; no table needs it

LOCKS = tuple(f".{name}.lock" for name in (CLAIM, SUBMISSION))  # of a fifo, opening one would never end

FILES = (CONFIG, IDENTITY, CLAIM, HEARTBEAT, EVENTS, TRAIN, STUDENT, DONE, SUBMISSION, *LOCKS)
FOLDERS = {
    ATTEMPTS: (".json", ".log", ".txt"),
    PICTURES: (".png",),
    SAMPLES: (".npz",),
    EVAL: (".jsonl", ".partial"),
    CHECKPOINTS: (),
}  # a checkpoint that is no file is passed over

EVENT_FIELDS: dict[str, type | tuple[type, ...]] = {
    "seq": int, "attempt": int, "time": str, "kind": str, "stage": str, "step": int, "steps": int,
    "seconds": (int, float), "failure_class": str, "message": str, "traceback": str, "micro_batch": int, "job": str,
}  # fmt: skip


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Read the objects of a JSON-lines file; [] if it is not there.

    Lines that are the beginning of an object are left out: a killed writer leaves a torn line at the end, and the
    next attempt appends after it. Raises OddFile for what no writer of ours leaves, even when it is killed.
    """
    try:
        lines = [line for line in read_bytes(path).split(b"\n") if line.strip(b"\0")]  # zeros: the power failed
    except FileNotFoundError:
        return []
    return _parse_all(lines) or _parse_each(lines, path.name)


def read_events(folder: Path) -> list[dict[str, Any]]:
    """Read the events of a run. Raises OddFile also for fields of other types than EVENT_FIELDS says."""
    rows = read_jsonl(folder / EVENTS)
    for row in rows:
        require_types(row, EVENT_FIELDS, EVENTS)
    return rows


def read_training(folder: Path) -> list[dict[str, Any]]:
    """Read the lines of the training log. Raises OddFile as `read_events`."""
    rows = read_jsonl(folder / TRAIN)
    for row in rows:
        require_types(row, {"step": int}, TRAIN)
    return rows


def _parse_each(lines: list[bytes], name: str) -> list[dict[str, Any]]:
    rows = []
    for line in lines:
        try:
            row = parse_json(line, name)
        except ValueError:
            row = None if line.lstrip(b"\0").startswith(b"{") else line  # torn, or garbage
        if row is not None and not isinstance(row, dict):
            raise OddFile(f"{name} holds a line that is no object: {line[:40]!r}")
        rows += [row] if row is not None else []
    return rows


def _parse_all(lines: list[bytes]) -> list[dict[str, Any]] | None:
    """Parse all lines by one call, three times as fast as one by one; None if any is not a plain object."""
    if any(line.count(b"[") + line.count(b"{") > DEEPEST for line in lines):
        return None
    try:
        rows = json.loads(b"[" + b",".join(lines) + b"]")
    except ValueError:
        return None
    return rows if len(rows) == len(lines) and all(isinstance(row, dict) for row in rows) else None


def read_json(path: Path) -> dict[str, Any] | None:
    """Read the object in a JSON file; None if it is missing, torn or not an object. Raises OddFile if it is no file."""
    try:
        value = parse_json(read_bytes(path), path.name)
    except (FileNotFoundError, ValueError):  # torn JSON, or bytes cut inside a UTF-8 character
        return None
    return value if isinstance(value, dict) else None


def read_identity(folder: Path) -> dict[str, Any]:
    """Read run.json for those who only list or sort runs: {} if it says nothing; its `semantic` is always a dict."""
    try:
        found = read_json(folder / IDENTITY) or {}
    except OddFile:
        found = {}
    meaning = found.get("semantic")
    return found | {"semantic": meaning if isinstance(meaning, dict) else {}}


def vouched_files(done: dict[str, Any]) -> dict[str, str] | None:
    """Map the files inside the run to the sha256 that DONE vouches for; None if it says so in no form of ours."""
    files = done.get("files")
    if not isinstance(files, dict) or not all(isinstance(digest, str) for digest in files.values()):
        return None
    inside = all(name and not Path(name).is_absolute() and ".." not in Path(name).parts for name in files)
    return files if inside else None


def attempt_numbers(folder: Path) -> list[int]:
    """List the numbers of the attempts of a run that left a record, ascending."""
    names = [path.stem for path in (folder / ATTEMPTS).glob("*.json")]
    return sorted(int(name) for name in names if name.isdecimal() and name.isascii() and len(name) < 9)


def refuse_odd(folder: Path) -> None:
    """Raise OddFile if a name of ours is, in a run's folder, another kind of thing: a directory, a fifo, a dead link.

    What has other names is nobody's business.
    """
    for entry in _list_entries(folder):
        if entry.name in FILES and not entry.is_file():
            raise OddFile(f"{entry.name} is not a file")
        if entry.name in FOLDERS and not entry.is_dir():
            raise OddFile(f"{entry.name} is not a directory")
        for inside in _list_entries(folder / entry.name) if FOLDERS.get(entry.name) else ():
            if inside.name.endswith(FOLDERS[entry.name]) and not (inside.is_file() or inside.name.startswith(".")):
                raise OddFile(f"{entry.name}/{inside.name} is not a file")


def _list_entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise OddFile(f"{folder.name} is no folder that can be read: {error.strerror}") from None


def is_run_id_prefix(word: str) -> bool:
    """Say whether a word can be the beginning of a run id."""
    return 1 <= len(word) <= 12 and set(word) <= set("0123456789abcdef")


def is_run_id(name: str) -> bool:
    """Say whether a folder's name is one that a run can have."""
    return len(name) == 12 and set(name) <= set("0123456789abcdef")


def sha256(path: Path) -> str:
    """Hash a file's bytes; hex digest."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
