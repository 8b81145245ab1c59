"""One run directory -> rows for the index. Reads files, writes nothing, knows no database.

The status is a function of the files alone (whether a job is alive is the scheduler's business):
planned (config only), running (an attempt began), interrupted, failed, corrupt, diverged, done.
"""

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from fpd_bench.records import layout
from fpd_bench.records.status import ENDINGS, has_result
from fpd_bench.store.rows import Row, attempts, items, measured, metrics, series

_Yaml = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is ten times as fast; not every build has it

Stamp = dict[str, tuple[int, int]]
KEPT = {layout.ATTEMPTS: ".json", layout.PICTURES: ".png", layout.SAMPLES: ".npz", layout.EVAL: ".jsonl"}
WHOLE = {layout.CONFIG, layout.IDENTITY, layout.CLAIM, layout.EVENTS, layout.TRAIN, layout.STUDENT, layout.DONE}


@dataclass
class Record:
    """Everything the index keeps of one run: one row of `runs` and lists of rows for the other tables."""

    run: Row
    children: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))


def stamp(folder: Path) -> Stamp:
    """{path inside the run: (bytes, mtime_ns)} of the files the index reads or lists; it changes when they do."""
    found: Stamp = {}
    for name, entry in _listed(folder):
        try:
            stat = entry.stat()
        except FileNotFoundError:  # replaced while we looked; the next ingest sees it
            continue
        found[name] = (stat.st_size, stat.st_mtime_ns)
    return dict(sorted(found.items()))


def _listed(folder: Path) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name in WHOLE:
                yield entry.name, entry
            elif entry.name in KEPT and entry.is_dir():
                with os.scandir(entry.path) as files:
                    yield from (
                        (f"{entry.name}/{file.name}", file) for file in files if file.name.endswith(KEPT[entry.name])
                    )


def read(folder: Path) -> Record | None:
    """The record of the run in `folder`; None if there is no readable configuration yet."""
    config = _config(folder / layout.CONFIG)
    if config is None:
        return None
    identity = layout.read_json(folder / layout.IDENTITY) or {}
    events = layout.read_jsonl(folder / layout.EVENTS)
    done = layout.read_json(folder / layout.DONE) or {}
    status, message = _status(folder, done, events)
    if identity.get("run_id") not in (None, folder.name):
        status, message = "corrupt", f"a copy of run {identity['run_id']} under another name"
    record = Record(
        {
            "run_id": folder.name,
            "status": status,
            "config": config,
            "config_schema": identity.get("config_schema"),
            "method": config.get("method"),
            "track": (config.get("track") or {}).get("name"),
            "seed": config.get("seed"),
            "created": identity.get("created"),
            "finished": done.get("finished"),
            "seconds": sum(event.get("seconds") or 0.0 for event in events if event.get("kind") == "stage_finished"),
            "message": message,
        }
    )
    record.children["attempts"] = attempts(folder, events)
    record.children["series"] = series(layout.read_jsonl(folder / layout.TRAIN))
    record.children["artifacts"] = _artifacts(folder, done.get("files") or {})
    if status == "done":  # a run that is not done has no metrics, so no table can average it in
        _evaluations(folder, record)
    for rows in record.children.values():
        for row in rows:
            row["run_id"] = folder.name
    record.run["content"] = _digest(record)
    return record


def _evaluations(folder: Path, record: Record) -> None:
    for path in sorted((folder / layout.EVAL).glob("*.jsonl")):
        try:
            rows, (numbers, protocols) = items(path), measured(path)
        except (KeyError, TypeError, ValueError) as error:
            record.children["items"], record.children["metrics"], record.children["protocols"] = [], [], []
            record.run |= {"status": "corrupt", "message": f"{path.name}: {type(error).__name__} {error}"}
            return
        record.children["items"] += rows
        record.children["metrics"] += metrics(path.stem, rows) + numbers
        record.children["protocols"] += protocols


def _config(path: Path) -> Row | None:
    try:
        value = yaml.load(path.read_text(encoding="utf-8"), Loader=_Yaml)
    except (FileNotFoundError, yaml.YAMLError, UnicodeDecodeError):
        return None
    return value if isinstance(value, dict) else None


def _status(folder: Path, done: Row, events: list[Row]) -> tuple[str, str | None]:
    last = next((event for event in reversed(events) if event.get("kind") in (*ENDINGS, "attempt_started")), {})
    if done.get("run_id") == folder.name and has_result(done.get("status", "")):
        wrong = [name for name, digest in (done.get("files") or {}).items() if not _intact(folder, name, digest)]
        if wrong:
            return "corrupt", f"not as DONE says: {', '.join(sorted(wrong))}"
        diverged = next((event for event in reversed(events) if event.get("kind") == "diverged"), {})
        return done["status"], _sentence(diverged) if done["status"] == "diverged" else None
    kind = last.get("kind")
    if kind in ("failed", "interrupted"):
        return kind, _sentence(last)
    if kind is None:
        return ("running" if (folder / layout.CLAIM).exists() else "planned"), None
    return "running", None  # started, or ended but DONE is not there (yet): alive as far as the files say


def _intact(folder: Path, name: str, digest: str) -> bool:
    """Whether a file is the one DONE vouches for. Only what the tables read is hashed; weights only have to exist."""
    path = folder / name
    if name.startswith(f"{layout.EVAL}/"):
        return path.exists() and layout.sha256(path) == digest
    return path.exists()


def _sentence(event: Row) -> str | None:
    if event.get("kind") == "diverged":
        return f"step {event.get('step')}"
    words = [event.get("failure_class"), event.get("message")]
    return ": ".join(str(word) for word in words if word) or None


def _artifacts(folder: Path, digests: dict[str, str]) -> list[Row]:
    kinds = {layout.SAMPLES: "samples", layout.PICTURES: "picture", layout.STUDENT: "student"}
    rows = []
    for path, (size, _) in stamp(folder).items():
        kind = kinds.get(path.split("/")[0])
        if kind:
            rows.append({"path": path, "kind": kind, "bytes": size, "sha256": digests.get(path)})
    return rows


def _digest(record: Record) -> str:
    children = {name: rows for name, rows in record.children.items() if rows}
    text = json.dumps([record.run, children], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
