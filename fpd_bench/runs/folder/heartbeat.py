"""The sign of life of an attempt: who works on the run, how far it is and how long the stage may yet take.

`heartbeat.json` is replaced every few seconds by a thread, so it is fresh in the middle of a long step, too. It is
advisory: not flushed to disk, and nothing fails if it cannot be written. Needs no torch.
"""

import contextlib
import json
import os
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fpd_bench.errors import OddFile
from fpd_bench.records import layout
from fpd_bench.records.odd_files import require_types
from fpd_bench.runs.folder.rundir import RunDir, now

SECONDS = 5.0  # between two beats


@dataclass(frozen=True)
class Beat:
    """token: of the claim that it belongs to; left_s: seconds left in the stage, at this attempt's pace."""

    token: str
    attempt: int
    host: str
    pid: int
    job: str
    time: str = ""
    stage: str = ""
    step: int = 0
    steps: int = 0
    left_s: float | None = None


FIELDS: dict[str, type | tuple[type, ...]] = {
    "token": str, "attempt": int, "host": str, "pid": int, "job": str, "time": str, "stage": str, "step": int,
    "steps": int, "left_s": (int, float),
}  # fmt: skip


def read(run: RunDir) -> Beat | None:
    """Read the last beat; None if there is none that makes sense: nothing depends on it."""
    try:
        found = layout.read_json(run.path / layout.HEARTBEAT) or {}
        require_types(found, FIELDS, layout.HEARTBEAT)
        return Beat(**{name: value for name, value in found.items() if name in FIELDS})
    except (TypeError, OddFile):
        return None


class Heart:
    """Beats from `start` to `stop`. enter and progress, called by the attempt, say what the next beat tells."""

    def __init__(self, run: RunDir, attempt: int, claim: Any):
        self._path = run.path / layout.HEARTBEAT
        self._who = Beat(claim.token, attempt, claim.host, claim.pid, claim.job)
        self._stage: dict[str, Any] = {}
        self._first: tuple[int, float] | None = None  # of the stage: step, and when
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, daemon=True)

    def start(self) -> None:
        """Write a first beat at once, and go on beating."""
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        """Write a last beat, and no more."""
        self._over.set()
        self._thread.join()
        self._beat()

    def enter(self, stage: str) -> None:
        """Note that a stage begins."""
        self._stage, self._first = {"stage": stage}, None

    def progress(self, step: int, steps: int) -> None:
        """Note that the stage is at `step` of `steps`."""
        if self._first is None:
            self._first = (step, time.monotonic())
        begin, since = self._first
        done = step - begin
        left = (time.monotonic() - since) / done * (steps - step) if done > 0 else None
        self._stage = self._stage | {"step": step, "steps": steps, "left_s": left}

    def _beat_on(self) -> None:
        while not self._over.wait(SECONDS):
            self._beat()

    def _beat(self) -> None:
        beat = asdict(self._who) | self._stage | {"time": now()}
        with contextlib.suppress(OSError):  # a full disk is for those to tell who write what matters
            _replace(self._path, json.dumps(beat))


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
