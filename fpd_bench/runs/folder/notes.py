"""What people have said of a run: tags and a note, in its own folder. No number depends on it. Needs no torch."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fpd_bench.errors import ConfigError, OddFile
from fpd_bench.records import layout
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.folder.whole_files import write_json

TAG = r"[\w.:/-]{1,60}"
LONGEST_NOTE = 2000


@dataclass(frozen=True)
class Notes:
    """tags: sorted, each once."""

    tags: tuple[str, ...] = ()
    note: str = ""


def read(run: RunDir) -> Notes:
    """Read what has been said of the run; nothing from a file that we did not write: a note never makes a run odd."""
    try:
        found = layout.read_json(run.path / layout.NOTES) or {}
    except OddFile:
        found = {}
    tags, note = found.get("tags"), found.get("note")
    words = [one for one in tags if isinstance(one, str) and re.fullmatch(TAG, one)] if isinstance(tags, list) else []
    return Notes(tuple(sorted(set(words))), note[:LONGEST_NOTE] if isinstance(note, str) else "")


def change(run: RunDir, add: Iterable[str], remove: Iterable[str], note: str | None) -> Notes:
    """Add and remove tags, and replace the note unless it is None; return what is said now. Raises ConfigError."""
    added = set(add)
    wrong = next((one for one in sorted(added) if not re.fullmatch(TAG, one)), None)
    if wrong is not None:
        raise ConfigError(f"'{wrong}' cannot be a tag: write up to 60 letters, digits and . : / _ - without spaces.")
    if note is not None and len(note) > LONGEST_NOTE:
        raise ConfigError(f"The note has {len(note)} letters; {LONGEST_NOTE} are the most.")
    before = read(run)
    now = Notes(tuple(sorted((set(before.tags) | added) - set(remove))), before.note if note is None else note)
    if now != before:
        write_json(run.path / layout.NOTES, {"tags": [*now.tags], "note": now.note})
    return now


def tagged(results: Path, tag: str) -> set[str]:
    """Name the runs that have the tag. Raises ConfigError if there are none."""
    known = known_tags(results)
    if tag not in known:
        raise ConfigError(
            f"No run in '{results}' has the tag '{tag}'. Tags there are: {', '.join(sorted(known)) or 'none'}. "
            f"Give it one: fpd-bench tag RUN +{tag}"
        )
    return known[tag]


def known_tags(results: Path) -> dict[str, set[str]]:
    """List {tag: the runs that have it}."""
    found: dict[str, set[str]] = {}
    for path in (results / layout.RUNS).glob(f"*/{layout.NOTES}"):
        for tag in read(RunDir(path.parent)).tags:
            found.setdefault(tag, set()).add(path.parent.name)
    return found
