"""Two runs side by side: configuration, code, scores and pictures. Reads their files alone; needs no torch."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from fpd_bench import metrics
from fpd_bench.config.describe import as_override
from fpd_bench.config.fields import EXECUTION, leaves, value
from fpd_bench.config.identity import reads
from fpd_bench.errors import ConfigError
from fpd_bench.records import layout
from fpd_bench.records.scores import overall, task_means
from fpd_bench.runs.folder.rundir import RunDir

SHOWN = 8  # images of each run in the picture
GAP = 4  # pixels between them
SCALE_TO = 64  # pixels a side that an image has at least
Line = tuple[str, str, str]  # what, here, there


def configuration(one: RunDir, other: RunDir) -> list[Line]:
    """List the fields whose values differ; one that a run does not read is marked."""
    mine, theirs = one.config(), other.config()
    read, there = reads(mine), reads(theirs)
    names = [*leaves(), *sorted((read | there) - set(leaves()))]
    found = []
    for name in names:
        words = [
            as_override(value(config, name)) + ("" if name in known or name.startswith(EXECUTION) else " (not read)")
            for config, known in ((mine, read), (theirs, there))
        ]
        if words[0] != words[1] and (name in read | there or name.startswith(EXECUTION)):
            found.append((name, words[0], words[1]))
    return found


def code(one: RunDir, other: RunDir) -> list[Line]:
    """List what differs in what computed the runs' last attempts: code, plugins, packages, machine."""
    return [
        (name, a, b)
        for name, a, b in _both(_flat(_last_attempt(one)), _flat(_last_attempt(other)))
        if a != b and name.split(".")[0] in ("code", "plugins", "plugin_packages", "packages", "device", "cpu", "host")
    ]


def _last_attempt(run: RunDir) -> dict[str, Any]:
    record = run.attempt(max(run.attempts(), default=0))
    return record | {"plugins": layout.read_identity(run.path).get("plugins", {})}


def _flat(found: Any, name: str = "") -> dict[str, str]:
    """Map dotted names to words; a difference of uncommitted code is told by its length."""
    if isinstance(found, dict):
        return {key: text for part in found for key, text in _flat(found[part], f"{name}.{part}".lstrip(".")).items()}
    text = str(found)
    return {name: text if len(text) <= 64 and "\n" not in text else f"{len(text)} letters, {hash_of(text)}"}


def hash_of(text: str) -> str:
    """Give eight hex digits that tell two texts apart."""
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:8]


def scores(one: RunDir, other: RunDir) -> list[Line]:
    """List every score of either run, with the difference behind the second."""
    found = []
    mine, theirs = _scores(one), _scores(other)
    for name in dict.fromkeys([*mine, *theirs]):
        digits = metrics.get_or_plain(name.rpartition(" ")[2]).digits
        a, b = mine.get(name), theirs.get(name)
        words = ["-" if number is None else f"{number:.{digits}f}" for number in (a, b)]
        if a is not None and b is not None:
            words[1] += f"  {b - a:+.{digits}f}"
        found.append((name, words[0], words[1]))
    return found


def _scores(run: RunDir) -> dict[str, float]:
    found: dict[str, float] = {}
    for suite, rows in run.scores().items():
        means = task_means((row["task"], row["score"]) for row in rows if "task" in row)
        if means:
            found[f"{suite} {metrics.OVERALL}"] = overall(means.values())
        found |= {f"{suite} {task}": mean for task, mean in means.items()}
        found |= {f"{suite} {row['metric']}": float(row["value"]) for row in rows if "metric" in row}
    return found


def pictures(one: RunDir, other: RunDir, path: Path) -> list[str]:
    """Lay the first images of both runs, of one suite, under each other in `path`; say how many differ in all.

    [] where there is no suite that both have images of.
    """
    from PIL import Image

    said = []
    for suite in sorted(_suites(one) & _suites(other)):
        first, second = _images(one.samples(suite)), _images(other.samples(suite))
        if first.shape != second.shape:
            said.append(f"{suite}: {len(first)} and {len(second)} images of different shapes")
            continue
        differ = sum(not np.array_equal(a, b) for a, b in zip(first, second, strict=True))
        said.append(f"{suite}: {differ} of {len(first)} images differ")
        if differ and not path.exists():
            sheet = np.concatenate([_strip(first[:SHOWN]), _strip(second[:SHOWN])])
            path.parent.mkdir(parents=True, exist_ok=True)
            times = -(-SCALE_TO // first.shape[1])
            picture = Image.fromarray(sheet)
            picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST).save(path)
            said.append(f"{path}: the first of both, {one.run_id} above")
    return said


def _suites(run: RunDir) -> set[str]:
    return {path.stem for path in (run.path / layout.SAMPLES).glob("*.npz")}


def _images(path: Path) -> "np.ndarray[Any, Any]":
    """Read images [N, H, W, 3]: each item's first. Raises ConfigError for a file that is none of ours."""
    try:
        with np.load(path, allow_pickle=False) as found:
            return np.asarray(found["images"][:, 0])
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from None


def _strip(images: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    padded = [np.pad(image, ((GAP, 0), (GAP, 0), (0, 0)), constant_values=255) for image in images]
    return np.concatenate(padded, axis=1)


def _both(mine: dict[str, str], theirs: dict[str, str]) -> Iterable[Line]:
    return [(name, mine.get(name, "-"), theirs.get(name, "-")) for name in dict.fromkeys([*mine, *theirs])]
