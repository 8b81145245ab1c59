"""Where runs stand, from an earlier look if no file of theirs has changed since: ten thousand are looked at in seconds.

Only runs with a result are remembered, by the stamps (inode, size, time of the last change) of their files, in the
user's cache folder and never among the results. Without the cache, or if it is damaged, the files are read.
"""

import hashlib
import json
import os
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from fpd_bench.records import layout
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.folder.whole_files import write_text
from fpd_bench.runs.watch.state import RunState, state_of

FORMAT = 1  # raise it when `state_of` says something else of the same files
FEW = 200  # runs that are read in half a second; they are not worth a file
SETTLED_NS = 2 * 10**9  # a file changed so shortly before a look may change again under the same stamp

_PLAIN = RunState("", "")


def cache_folder() -> Path:
    """Return the folder of what is kept: $XDG_CACHE_HOME/fpd-bench/looks."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fpd-bench" / "looks"


class RememberedLooks:
    """Looks at the runs of one results folder; `keep` writes down what later looks need not read again."""

    def __init__(self, results: Path, folder: Path | None = None):
        self._runs = results / layout.RUNS
        name = hashlib.sha256(str(results.absolute()).encode()).hexdigest()[:24]
        self._file = (folder or cache_folder()) / f"{name}.json"
        self._known: dict[str, dict[str, Any]] = _read(self._file)
        self._changed = False
        self._stamps: dict[str, str] = {}  # of this look, as far as it is

    def identity(self, run: RunDir) -> dict[str, Any]:
        """Give what `layout.read_identity` reads."""
        found = self._found(run)
        if found:
            identity: dict[str, Any] = found["identity"]
            return identity
        return layout.read_identity(run.path)

    def state(self, run: RunDir) -> RunState:
        """Say what `state_of` says."""
        found = self._found(run)
        stamp = self._stamps.pop(run.run_id)
        if found:
            return RunState(**found["state"])
        state = state_of(run)
        if stamp and state.has_result and not run.claim.exists():
            told = {name: value for name, value in asdict(state).items() if value != getattr(_PLAIN, name)}
            identity = layout.read_identity(run.path)
            self._known[run.run_id] = {"stamp": stamp, "state": told, "identity": identity}
            self._changed = True
        return state

    def keep(self) -> None:
        """Write down what was seen, if it is much; a cache that cannot be written is no error."""
        if not self._changed or len(self._known) < FEW:
            return
        self._known = {name: one for name, one in self._known.items() if (self._runs / name).is_dir()}
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_text(self._file, json.dumps({"format": FORMAT, "runs": self._known}))
        except OSError:
            return
        self._changed = False

    def _found(self, run: RunDir) -> dict[str, Any] | None:
        if run.run_id not in self._stamps:
            self._stamps[run.run_id] = stamp_of(run.path)
        stamp, known = self._stamps[run.run_id], self._known.get(run.run_id)
        return known if known and stamp and known["stamp"] == stamp else None


def stamp_of(folder: Path) -> str:
    """Return what changes when a file that says where the run stands is changed, replaced, added or removed; "" while
    that may still happen within the clock's resolution."""
    marks: list[tuple[Any, ...]] = []
    try:
        for part in ("", layout.EVAL, layout.ATTEMPTS):
            place = os.path.join(folder, part)
            if part and not os.path.isdir(place):
                continue
            marks.append(_mark(part, os.stat(place)))
            with os.scandir(place) as entries:
                marks += sorted(_mark(entry.name, entry.stat()) for entry in entries)
    except OSError:
        return ""
    if max(mark[-1] for mark in marks) > time.time_ns() - SETTLED_NS:
        return ""
    return hashlib.blake2b(repr(marks).encode(), digest_size=16).hexdigest()


def _mark(name: str, found: os.stat_result) -> tuple[Any, ...]:
    return name, found.st_ino, found.st_size, found.st_mode, found.st_ctime_ns


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """Read what an earlier look kept; {} if it is not there or not as it was written."""
    try:
        kept = json.loads(path.read_bytes())
        runs = kept["runs"] if kept["format"] == FORMAT else {}
        names = {field.name for field in fields(RunState)}
        for one in runs.values():
            if not (isinstance(one["stamp"], str) and isinstance(one["identity"]["semantic"], dict)):
                return {}
            if not set(one["state"]) <= names:
                return {}
            one["state"]["tags"] = tuple(one["state"].get("tags", ()))
        return dict(runs)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
