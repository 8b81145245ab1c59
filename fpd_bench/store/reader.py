"""One run directory -> rows for the index. Reads files, writes nothing, knows no database.

The status is a function of the files alone (whether a job is alive is the scheduler's business):
planned (config only), running (an attempt began), interrupted, failed, corrupt, diverged, done.
"""

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fpd_bench.errors import OddFile
from fpd_bench.records import layout, odd_files
from fpd_bench.records.odd_files import require_types
from fpd_bench.records.run_status import ENDINGS, has_result
from fpd_bench.store import score_arrays
from fpd_bench.store.index_rows import (
    Row,
    attempt_rows,
    item_rows,
    metric_rows,
    series_rows,
    set_metric_rows,
    without_nan,
)

Stamp = dict[str, tuple[int, int]]
KEPT = {layout.ATTEMPTS: ".json", layout.PICTURES: ".png", layout.SAMPLES: ".npz", layout.EVAL: ".jsonl"}
WHOLE = {layout.CONFIG, layout.IDENTITY, layout.CLAIM, layout.EVENTS, layout.TRAIN, layout.STUDENT, layout.DONE}


@dataclass
class Record:
    """Everything the index keeps of one run: one row of `runs` and lists of rows for the other tables."""

    run: Row
    children: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))


def stamp_files(folder: Path) -> Stamp:
    """Map each file that the index reads or lists to (bytes, mtime_ns); the stamp changes when they do."""
    found: Stamp = {}
    for name, entry in _list_files(folder):
        try:
            stat = entry.stat()
        except OSError:  # replaced while we looked: the next ingest sees it; or a dead link, which `read` tells
            continue
        found[name] = (stat.st_size, stat.st_mtime_ns)
    return dict(sorted(found.items()))


def _list_files(folder: Path) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    with suppress(OSError), os.scandir(folder) as entries:  # no permission: `read` tells
        for entry in entries:
            if entry.name in WHOLE:
                yield entry.name, entry
            elif entry.name in KEPT and entry.is_dir():
                with suppress(OSError), os.scandir(entry.path) as files:
                    yield from (
                        (f"{entry.name}/{file.name}", file) for file in files if file.name.endswith(KEPT[entry.name])
                    )


def read(folder: Path) -> Record | None:
    """Read the record of the run in `folder`; None if there is no configuration yet.

    One that cannot be read is `corrupt`, with the reason, and has no rows but that: the others go on.
    """
    try:
        layout.refuse_odd(folder)
        return _read(folder)
    except (OddFile, OSError, RecursionError) as error:
        return corrupt_record(folder.name, str(error))


def corrupt_record(run_id: str, why: str) -> Record:
    """Make the record of a run that cannot be read or stored; `why` in letters that every database takes."""
    message = why.replace("\0", "").encode("ascii", "backslashreplace").decode()
    run: Row = {"run_id": run_id, "status": "corrupt", "config": {}, "message": message, "seconds": 0.0}
    record = Record(run | dict.fromkeys(("config_schema", "method", "track", "seed", "created", "finished")))
    record.run["content"] = _digest(record)
    return record


def _read(folder: Path) -> Record | None:
    source = odd_files.read_text(folder / layout.CONFIG)
    if source is None:
        return None
    config = odd_files.parse_yaml(source, layout.CONFIG)
    require_types(config, {"method": str, "track": dict, "seed": int}, layout.CONFIG)
    identity = layout.read_json(folder / layout.IDENTITY) or {}
    require_types(identity, {"run_id": str, "config_schema": int, "created": str, "semantic": dict}, layout.IDENTITY)
    events = layout.read_events(folder)
    done = layout.read_json(folder / layout.DONE) or {}
    require_types(done, {"finished": str}, layout.DONE)
    status, message = _judge_status(folder, done, events)
    if identity.get("run_id") not in (None, folder.name):
        status, message = "corrupt", f"a copy of run {identity['run_id']} under another name"
    elif not _agrees(identity.get("semantic") or {}, config):
        status, message = "corrupt", f"{layout.CONFIG} is not the configuration that {layout.IDENTITY} describes"
    record = Record(
        {
            "run_id": folder.name,
            "status": status,
            "config": without_nan(config),
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
    record.children["attempts"] = attempt_rows(folder, events)
    record.children["series"] = series_rows(layout.read_training(folder))
    record.children["artifacts"] = _artifact_rows(folder, layout.vouched_files(done) or {})
    _add_evaluations(folder, record, only_paused=status != "done")
    for rows in record.children.values():
        for row in rows:
            row["run_id"] = folder.name
    record.run["content"] = _digest(record)
    record.children["score_arrays"] = score_arrays.pack(record.children["items"])
    return record


def _agrees(meaning: Row, config: Row) -> bool:
    """Say whether a configuration has the values that its run was named by, {dotted field: value}."""
    return all(_value(config, name) == value for name, value in meaning.items() if not _written_otherwise(name, value))


def _written_otherwise(name: str, value: Any) -> bool:
    """Say whether a name has another form of the value: a preset's hash, a sorted list, a plugin's default."""
    return name == "track.preset" or name.startswith("plugin.") or isinstance(value, list)


def _value(config: Any, name: str) -> Any:
    for key in name.split("."):
        config = config.get(key) if isinstance(config, dict) else None
    return config


def _add_evaluations(folder: Path, record: Record, only_paused: bool) -> None:
    """Add the rows of what the run has answered.

    only_paused: of its pauses on the way; a run that is not done has no metrics of a suite that tables know, so that
    none can average it in.
    """
    for path in sorted((folder / layout.EVAL).glob("*.jsonl")):
        if only_paused and layout.PAUSE not in path.stem:
            continue
        try:
            rows, (numbers, protocols) = item_rows(path), set_metric_rows(path)
        except (KeyError, TypeError, ValueError, OverflowError, OddFile) as error:
            record.children["items"], record.children["metrics"], record.children["protocols"] = [], [], []
            record.run |= {"status": "corrupt", "message": f"{path.name}: {_reason(error)}"}
            return
        record.children["items"] += rows
        record.children["metrics"] += metric_rows(path.stem, rows) + numbers
        record.children["protocols"] += protocols


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, OddFile) else f"{type(error).__name__} {error}"


def _judge_status(folder: Path, done: Row, events: list[Row]) -> tuple[str, str | None]:
    last = next((event for event in reversed(events) if event.get("kind") in (*ENDINGS, "attempt_started")), {})
    files = layout.vouched_files(done)
    if done.get("run_id") == folder.name and has_result(done.get("status", "")) and files is not None:
        wrong = [name for name, digest in files.items() if not _is_intact(folder, name, digest)]
        if wrong:
            return "corrupt", f"changed or missing since DONE was written: {', '.join(sorted(wrong))}"
        diverged = next((event for event in reversed(events) if event.get("kind") == "diverged"), {})
        return done["status"], _event_text(diverged) if done["status"] == "diverged" else None
    kind = last.get("kind")
    if kind in ("failed", "interrupted"):
        return kind, _event_text(last)
    if kind is None:
        return ("running" if (folder / layout.CLAIM).exists() else "planned"), None
    return "running", None  # started, or ended but DONE is not there (yet): alive as far as the files say


def _is_intact(folder: Path, name: str, digest: str) -> bool:
    """Say whether a file is the one DONE vouches for. Only what tables read is hashed; weights only have to exist."""
    path = folder / name
    return _has_digest(path, digest) if name.startswith(f"{layout.EVAL}/") else path.is_file()


def damaged_files(folder: Path) -> list[str]:
    """List files of a finished run that are not what DONE vouches for, large ones included: student and images."""
    try:
        files = layout.vouched_files(layout.read_json(folder / layout.DONE) or {}) or {}
        wrong = (name for name, digest in files.items() if not _has_digest(folder / name, digest))
        return sorted(wrong)
    except OddFile as error:
        return [str(error)]


def _has_digest(path: Path, digest: str) -> bool:
    try:
        return path.is_file() and layout.sha256(path) == digest
    except OSError:
        return False


def _event_text(event: Row) -> str | None:
    if event.get("kind") == "diverged":
        return f"step {event.get('step')}"
    words = [event.get("failure_class"), event.get("message")]
    return ": ".join(str(word) for word in words if word) or None


def _artifact_rows(folder: Path, digests: dict[str, str]) -> list[Row]:
    kind_of_folder = {layout.SAMPLES: "samples", layout.PICTURES: "picture", layout.STUDENT: "student"}
    rows = []
    for path, (size, _) in stamp_files(folder).items():
        kind = kind_of_folder.get(path.split("/")[0])
        if kind:
            rows.append({"path": path, "kind": kind, "bytes": size, "sha256": digests.get(path)})
    return rows


def _digest(record: Record) -> str:
    children = {name: rows for name, rows in record.children.items() if rows}
    text = json.dumps([record.run, children], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
