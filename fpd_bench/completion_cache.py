"""Lists of words that take long to make, kept in the user's cache until a file changes that they were made from.

Those files are all modules that Python had loaded when the words were made, and the folders in which it looks for
packages, with what installed packages announce there. What a plugin that could not be loaded would have said is asked
again after a day. Without the cache, or if it is damaged, words are made.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

LONGEST = 24 * 3600  # seconds


def cache_file() -> Path:
    """Return the file of what is kept: $XDG_CACHE_HOME/fpd-bench/words.json."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fpd-bench" / "words.json"


def remembered(name: str, make: Callable[[], list[str]]) -> list[str]:
    """Return the words kept as `name`, or make and keep them."""
    kept = _read(cache_file())
    if name in kept["words"]:
        return [*kept["words"][name]]
    from fpd_bench.runs.folder.whole_files import write_json  # here: most completions write nothing

    words = make()
    kept["stamps"] |= {file: _stamp(file) for file in _files_to_watch()}
    kept["words"][name] = words
    with suppress(OSError):  # a home that cannot be written to: the next call makes them again
        write_json(cache_file(), kept)
    return words


def _files_to_watch() -> list[str]:
    """List the files and folders that words may come from."""
    loaded = (getattr(module, "__file__", None) for module in [*sys.modules.values()])
    found = {str(file) for file in loaded if file}
    for folder in {os.path.abspath(each) for each in sys.path}:
        found.add(folder)
        with suppress(OSError):
            packages = [each.path for each in os.scandir(folder) if each.name.endswith((".dist-info", ".egg-info"))]
            found.update(os.path.join(package, "entry_points.txt") for package in packages)
    return sorted(found)


def _stamp(file: str) -> list[int]:
    """Return what changes with a file: inode, size, time of change; zeros where there is none."""
    try:
        seen = os.stat(file)
    except OSError:
        return [0, 0, 0]
    return [seen.st_ino, seen.st_size, seen.st_mtime_ns]


def _read(file: Path) -> dict[str, Any]:
    """Read what is kept; nothing if it is old, damaged, of another Python path, or one of its files has changed."""
    try:
        kept: dict[str, Any] = json.loads(file.read_text())
        young = 0 <= time.time() - kept["made"] < LONGEST
        if young and kept["path"] == sys.path and all(_stamp(each) == seen for each, seen in kept["stamps"].items()):
            return {**kept, "words": dict(kept["words"])}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return {"made": time.time(), "path": sys.path, "stamps": {}, "words": {}}
