"""One run's folder: reading and writing every file in it. The names are in records/layout.py, which readers share.

Whole files are written under a temporary name, flushed and renamed, so that they are there whole or not at all. Logs
grow by one `write` per line, so a kill can only tear the last line.
"""

import difflib
import errno
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fpd_bench.config.identity import CONFIG_SCHEMA, plugins, run_id, semantic
from fpd_bench.config.schema import RunConfig
from fpd_bench.config.yaml_text import from_yaml, to_yaml
from fpd_bench.errors import ConfigError, RunError
from fpd_bench.records import layout
from fpd_bench.records.status import has_result

Row = dict[str, Any]
LEFT_SECONDS = 60  # a temporary file so old is nobody's; beside config and claim others write, too, but shortly


def now() -> str:
    """The time as UTC ISO text."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class RunDir:
    """results/runs/<run_id>. Opening it reads and writes nothing."""

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self.run_id = self.path.name
        self.claim = self.path / layout.CLAIM
        self.submission = self.path / "submission.json"  # which batch job it is given to; no reader needs it
        self.checkpoints = self.path / layout.CHECKPOINTS
        self.student = self.path / layout.STUDENT

    @classmethod
    def create(cls, results: Path, config: RunConfig) -> "RunDir":
        """The folder of the run that `config` means, made if it is not there; execution fields are brought up to date.

        Raises RunError if the folder holds another configuration.
        """
        run = cls(results / layout.RUNS / run_id(config))
        run.path.mkdir(parents=True, exist_ok=True)
        identity = layout.read_json(run.path / layout.IDENTITY)
        meaning = json.loads(json.dumps(semantic(config)))
        if identity is not None and identity.get("semantic") != meaning:
            raise RunError(f"{run.path} belongs to another configuration. Move it away and start again.")
        if identity is None:
            identity = {"run_id": run.run_id, "config_schema": CONFIG_SCHEMA, "semantic": meaning}
            write_json(run.path / layout.IDENTITY, identity | {"plugins": plugins(config), "created": now()})
        kept = run._text(layout.CONFIG)  # None: lost on the way from elsewhere
        if kept is None or (kept != to_yaml(config) and not run.is_done()):
            write_text(run.path / layout.CONFIG, to_yaml(config))
        return run

    def config(self) -> RunConfig:
        """Raises ConfigError if there is none, or none that fits this version."""
        text = self._text(layout.CONFIG)
        if text is None:
            raise ConfigError(f"'{self.path}' is not a run directory: it has no {layout.CONFIG}.")
        return from_yaml(text, str(self.path / layout.CONFIG))

    # ---------------------------------------------------------------------------------------------- attempts, events
    def attempts(self) -> list[int]:
        """Numbers of the attempts made so far."""
        files = (self.path / layout.ATTEMPTS).glob("*.json")
        return sorted(int(path.stem) for path in files if path.stem.isdigit())

    def begin_attempt(self, record: Row) -> int:
        """Note the next attempt; gives its number. Only the holder of the claim may call it."""
        for leftover in self.path.rglob(".*.tmp"):  # of a process that was killed in the middle of a write
            if leftover.parent != self.path or _age(leftover) > LEFT_SECONDS:
                leftover.unlink(missing_ok=True)
        attempt = max(self.attempts(), default=0) + 1
        write_json(self.path / layout.ATTEMPTS / f"{attempt}.json", {"attempt": attempt} | record)
        return attempt

    def attempt(self, number: int) -> Row:
        """The record of an attempt; {} if there is none."""
        return layout.read_json(self.path / layout.ATTEMPTS / f"{number}.json") or {}

    def packages_file(self, attempt: int) -> Path:
        """Where the versions of all installed packages of an attempt are listed."""
        return self.path / layout.ATTEMPTS / f"{attempt}.packages.txt"

    def log_file(self, attempt: int) -> Path:
        """Where the worker's own output of an attempt goes."""
        return self.path / layout.ATTEMPTS / f"{attempt}.log"

    def events(self) -> list[Row]:
        return layout.read_jsonl(self.path / layout.EVENTS)

    def next_event(self, kind: str) -> Row:
        """The beginning of an event that follows the last one, for whoever is not the attempt's recorder."""
        last = (self.events() or [{}])[-1]
        return {"seq": last.get("seq", -1) + 1, "attempt": last.get("attempt", 1), "time": now(), "kind": kind}

    def append_event(self, row: Row) -> None:
        append_line(self.path / layout.EVENTS, row)

    # ------------------------------------------------------------------------------------------------ training, images
    def training_log(self) -> list[Row]:
        return layout.read_jsonl(self.path / layout.TRAIN)

    def append_training(self, row: Row) -> None:
        append_line(self.path / layout.TRAIN, row)

    def cut_training_log(self, step: int) -> None:
        """Drop rows behind `step`: training resumes there and writes them again."""
        rows = self.training_log()
        kept = [row for row in rows if row.get("step", 0) <= step]
        if kept != rows:
            write_text(self.path / layout.TRAIN, "".join(_line(row) for row in kept))

    def picture(self, step: int) -> Path:
        return self.path / layout.PICTURES / f"step_{step}.png"

    def samples(self, suite: str) -> Path:
        return self.path / layout.SAMPLES / f"{suite}.npz"

    def shards(self, suite: str) -> Path:
        """Folder of the images of a sampling that is not finished."""
        return self.path / layout.SAMPLES / f"{suite}.shards"

    def evaluation(self, suite: str) -> Path:
        return self.path / layout.EVAL / f"{suite}.jsonl"

    def partial_scores(self, suite: str) -> list[Row]:
        """Rows of an evaluation that is not finished."""
        return layout.read_jsonl(self._partial(suite))

    def append_score(self, suite: str, row: Row) -> None:
        append_line(self._partial(suite), row)

    def finish_evaluation(self, suite: str, rows: list[Row]) -> None:
        """Write the whole evaluation, in order."""
        write_text(self.evaluation(suite), "".join(_line(row) for row in rows))
        self._partial(suite).unlink(missing_ok=True)

    def _partial(self, suite: str) -> Path:
        return self.path / layout.EVAL / f"{suite}.partial"

    def scores(self) -> dict[str, list[Row]]:
        """{suite: rows} of the finished evaluations."""
        return {path.stem: layout.read_jsonl(path) for path in sorted((self.path / layout.EVAL).glob("*.jsonl"))}

    # ------------------------------------------------------------------------------------------------------------ DONE
    def done(self) -> Row | None:
        """What DONE says; None if it is not there or torn, or speaks of files that are gone."""
        done = layout.read_json(self.path / layout.DONE)
        if done is None or done.get("run_id") != self.run_id or not has_result(done.get("status", "")):
            return None
        files = done.get("files")
        return done if isinstance(files, dict) and all((self.path / name).exists() for name in files) else None

    def is_done(self) -> bool:
        return self.done() is not None

    def damaged(self) -> list[str]:
        """Files that tables read and that are no longer what DONE vouches for."""
        files = ((self.done() or {}).get("files") or {}).items()
        scored = [(name, digest) for name, digest in files if name.startswith(f"{layout.EVAL}/")]
        return [name for name, digest in scored if layout.sha256(self.path / name) != digest]

    def finish(self, status: str) -> None:
        """Write DONE, vouching for the files that tables and pages read."""
        paths = [self.student] if self.student.exists() else []
        paths += [
            *sorted((self.path / layout.SAMPLES).glob("*.npz")),
            *sorted((self.path / layout.EVAL).glob("*.jsonl")),
        ]
        files = {path.relative_to(self.path).as_posix(): layout.sha256(path) for path in paths}
        done = {"run_id": self.run_id, "status": status, "finished": now(), "files": files}
        write_json(self.path / layout.DONE, done)

    def _text(self, name: str) -> str | None:
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None


def find(results: Path, run: str) -> RunDir:
    """The run whose id begins with `run`. Raises ConfigError if it is none or not one."""
    folder = results / layout.RUNS
    names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    found = [name for name in names if name.startswith(run)]
    if len(found) != 1:
        close = found[:5] or difflib.get_close_matches(run, names, n=3, cutoff=0.4)
        hint = f" {'They are' if found else 'Closest'}: {', '.join(close)}." if close else ""
        raise ConfigError(
            f"{len(found)} of {len(names)} runs in '{results}' begin with '{run}'.{hint} "
            f"See which there are: python -m fpd_bench.status SWEEP.yaml --results {results}"
        )
    return RunDir(folder / found[0])


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, flushed to disk and renamed to it if the block succeeds, else removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_with(path: Path, write: Callable[[Path], object]) -> None:
    """`write(temporary)` a file that appears as `path` whole or not at all."""
    with whole_file(path) as temporary:
        write(temporary)


def write_text(path: Path, text: str) -> None:
    write_with(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: Path, value: Row) -> None:
    write_text(path, json.dumps(value, indent=1) + "\n")


def append_line(path: Path, row: Row) -> None:
    """One JSON object as one line in one write. A torn line before it is closed first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        line = (b"\n" if torn else b"") + _line(row).encode()
        if os.write(descriptor, line) < len(line):  # the disk took the beginning only
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(descriptor)


def _line(row: Row) -> str:
    return json.dumps(row, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    """Scalars and arrays of numpy and torch as Python's own."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} {value!r:.60} is not JSON")


def _age(path: Path) -> float:
    """Seconds since the file was written; 0 if it is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
