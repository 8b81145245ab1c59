"""Pictures of single runs for a row's page: samples, and the prompts that the row fails most, with what was found.

What is chosen depends on scores and image files alone, so evidence that holds these pictures gives the same page.
"""

import base64
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fpd_bench.reporting.image_files import read_images
from fpd_bench.reporting.model import RowResult, TableResult
from fpd_bench.store.query import Run, Store

SAMPLES = 8  # prompts of a run that are shown
WORST = 8  # prompts of a row that are shown for each of its runs
SMALL = 64  # pixels a side: of larger pictures only the first run's are shown, at most LARGE pixels a side
LARGE = 256

Line = dict[str, Any]  # an image in the index: its columns by name, its detail as JSON text


@dataclass(frozen=True)
class Box:
    """A detected object, in pixels of the picture."""

    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class ShownPicture:
    """An image with its prompt. replicate, position: where it lies in the samples; pixels: uint8 [H, W, 3], None
    without image files; boxes: what the judge found."""

    item: str
    task: str
    prompt: str
    score: float
    reason: str
    replicate: int
    position: int
    pixels: Any = None
    boxes: tuple[Box, ...] = ()

    @property
    def url(self) -> str:
        """Write the image as a URL that holds it, '' for none."""
        return "" if self.pixels is None else _data_url(self.pixels)

    @property
    def height(self) -> int:
        """Give the rows of pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Give the columns of pixels."""
        return int(self.pixels.shape[1])


@dataclass(frozen=True)
class RunPictures:
    """What a run shows. path, shape: of the sample file inside the run directory, '' if it has none."""

    run_id: str
    path: str = ""
    shape: tuple[int, ...] = ()
    samples: list[ShownPicture] = field(default_factory=list)
    failures: list[ShownPicture] = field(default_factory=list)

    def kept(self) -> Iterator[ShownPicture]:
        """Give each picture that is shown."""
        yield from (one for one in [*self.samples, *self.failures] if one.pixels is not None)


def worst_items(row: RowResult, most: int = WORST) -> list[str]:
    """List the prompts that the row fails most, ties taking the tasks in turn; none that it never fails."""
    if row.scores is None:
        return []
    means = row.scores.values.mean(axis=(0, 2)).round(9)
    turns: dict[tuple[float, str], int] = {}
    failed = []
    for item, task, mean in zip(row.scores.prompts, row.scores.tasks, means.tolist(), strict=True):
        if mean < 1:
            turn = turns[mean, task] = turns.get((mean, task), -1) + 1
            failed.append((mean, turn, item))
    return [item for *_, item in sorted(failed, key=lambda one: one[:2])[:most]]


def of_row(
    table: TableResult,
    row: RowResult,
    worst: Sequence[str],
    runs: dict[str, Run],
    files: Mapping[str, list[Line]],
    store: Store,
) -> list[RunPictures]:
    """Read the pictures of the row's finished runs. worst: its `worst_items`; files: `artifacts` of kind samples, by
    run."""
    scored = [seed.run_id for seed in row.seeds if seed.score is not None]
    if not table.suite or not scored:
        return []
    found: list[RunPictures] = []
    drawn = any(files[run_id] for run_id in scored)  # samples are of image files
    first = _first_items(store, scored[0], table.suite) if drawn else []
    lines = _lines(store, scored, table.suite, [*worst, *first])
    for run_id in scored:
        images, path = read_images(runs[run_id], table.suite, files[run_id])
        if images is not None and found and max(images.shape[2:4]) > SMALL:
            images, path = None, ""
        if images is None and not worst:
            continue
        samples = [_picture(line, images) for line in _first_images(lines[run_id], first)] if images is not None else []
        failures = [_picture(line, images) for line in _worst_images(lines[run_id], worst)]
        found.append(RunPictures(run_id, path, () if images is None else images.shape, samples, failures))
    return found


def _first_items(store: Store, run_id: str, suite: str) -> list[str]:
    """Choose SAMPLES prompts, taking the tasks in turn."""
    items = store.scores([run_id], suite)
    first = items[items.replicate == 0].sort_values("position")
    turn = first.groupby("task", sort=False).cumcount()
    return first.assign(turn=turn).sort_values(["turn", "position"]).head(SAMPLES).item_id.tolist()


def _lines(store: Store, run_ids: Sequence[str], suite: str, items: Sequence[str]) -> dict[str, list[Line]]:
    """Read what the index has of these prompts' images: {run id: lines by item and replicate}."""
    found: dict[str, list[Line]] = {run_id: [] for run_id in run_ids}
    for line in store.images(run_ids, suite, list(dict.fromkeys(items))):
        found[line["run_id"]].append(line)
    return found


def _first_images(lines: Sequence[Line], items: Sequence[str]) -> list[Line]:
    """Take the first image of each of these prompts, in their order."""
    first = {line["item_id"]: line for line in lines if line["replicate"] == 0}
    return [first[item] for item in items if item in first]


def _worst_images(lines: Sequence[Line], items: Sequence[str]) -> list[Line]:
    """Take for each of these prompts the image that scores least, where it fails at all."""
    least: dict[str, Line] = {}
    for line in sorted(lines, key=lambda line: (line["score"], line["replicate"])):
        if line["score"] < 1:
            least.setdefault(line["item_id"], line)
    return [least[item] for item in items if item in least]


def _picture(line: Line, images: Any) -> ShownPicture:
    detail = json.loads(line["detail"] or "{}")
    detail = detail if isinstance(detail, dict) else {}
    position, replicate = int(line["position"]), int(line["replicate"])
    score, reason = float(line["score"]), str(detail.get("reason") or "")
    words = (line["item_id"], line["task"], line["prompt"], score, reason, replicate, position)
    if images is None or not images[position, replicate].any():  # black: evidence has only what was shown then
        return ShownPicture(*words)
    return ShownPicture(*words, images[position, replicate].copy(), tuple(_boxes(detail.get("objects"))))


def _boxes(objects: Any) -> Iterator[Box]:
    """Read {name: [[left, top, right, bottom, score], ...]}, by name; other forms have no boxes."""
    for name, found in sorted(objects.items()) if isinstance(objects, dict) else ():
        for one in found if isinstance(found, list) else ():
            if isinstance(one, list) and len(one) >= 4 and all(isinstance(value, int | float) for value in one[:4]):
                left, top, right, bottom = one[:4]
                yield Box(str(name), left, top, max(right - left, 0), max(bottom - top, 0))


def _data_url(pixels: Any) -> str:
    """Write pixels [H, W, 3] as a PNG inside a URL, large ones smaller and as JPEG."""
    from PIL import Image

    image, file = Image.fromarray(np.ascontiguousarray(pixels)), io.BytesIO()
    kind = "png" if max(image.size) <= SMALL else "jpeg"
    image.thumbnail((LARGE, LARGE))
    image.save(file, kind, **({"optimize": True} if kind == "png" else {"quality": 88}))
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
