"""The evidence behind a report: written beside its tables, rendered again without any results, held against them."""

import csv
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from fpd_bench.reporting.model import TableResult
from fpd_bench.reporting.pages.row_pages import RowDetails
from fpd_bench.reporting.results import runs_behind
from fpd_bench.store import evidence
from fpd_bench.store.query import Store

if TYPE_CHECKING:
    from fpd_bench.config.sweeps.spec import Sweep

FOLDER = "evidence"  # beside the tables
ROUNDING = 4  # grey levels of 256 by which two drawings of one figure may differ


class ShownImages:
    """The images that a sweep's figures and pages show, by (run id, path in the run directory): [items, replicates, H,
    W, 3], black where nothing is shown."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, str], np.ndarray] = {}

    def add_figure(self, table: TableResult, store: Store) -> None:
        """Add those of the table's grid of images."""
        from fpd_bench.reporting.figures import image_grid

        samples, prompts = image_grid.shown_images(table, store)
        for sample in samples:
            kept = self.files.setdefault((sample.run_id, sample.path), np.zeros_like(sample.pictures))
            for position in sample.positions(prompts.item_id):
                kept[position, 0] = sample.pictures[position, 0]

    def add(self, other: "ShownImages") -> None:
        """Add those of another table: a file may be shown by several, each with other images of it."""
        for key, pixels in other.files.items():
            kept = self.files.setdefault(key, np.zeros_like(pixels))
            np.maximum(kept, pixels, out=kept)  # black where nothing is shown

    def add_page(self, row: RowDetails) -> None:
        """Add those of a row's page."""
        for run in row.runs:
            for picture in run.pictures.kept():
                blank = np.zeros(run.pictures.shape, np.uint8)
                kept = self.files.setdefault((run.seed.run_id, run.pictures.path), blank)
                kept[picture.position, picture.replicate] = picture.pixels


def write(sweep: "Sweep", shown: Sequence[ShownImages], store: Store, folder: Path, overrides: Sequence[str]) -> None:
    """Write what the tables of a sweep stand on to folder/<sweep>: rows of the index, and the images that they show."""
    images = ShownImages()
    for one in shown:
        images.add(one)
    run_ids = list(dict.fromkeys(run_id for table in sweep.tables for run_id in runs_behind(table, store)))
    evidence.write(folder / sweep.name, store, run_ids, images.files, sweep.path.as_posix(), overrides)


@contextmanager
def opened(folder: Path) -> Iterator[list[tuple["Sweep", Store]]]:
    """Open the sweeps of an evidence folder, each with an index of its own, as they were reported.

    Raises ConfigError if there are none, StoreError for evidence that is damaged.
    """
    from fpd_bench.config.sweeps.spec import load_sweep

    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        found = []
        for part in evidence.folders(folder):
            one = evidence.read(part)
            sweep = load_sweep(one.file, one.overrides)
            found.append((sweep, stack.enter_context(evidence.open_store(one, scratch / f"{part.name}.sqlite"))))
        yield found


def differences(fresh: Path, committed: Path) -> tuple[list[str], int]:
    """Hold every file of a report that was made anew against the committed one.

    Return a line for each that differs, and how many there are.
    """
    found, files = [], sorted(path for path in fresh.rglob("*") if path.is_file())
    for path in files:
        name = path.relative_to(fresh)
        if not (committed / name).is_file():
            found.append(f"{name} is missing.")
        elif path.read_bytes() != (committed / name).read_bytes() and not _look_alike(path, committed / name):
            found.append(f"{name}: {_first_difference(path, committed / name)}")
    return found, len(files)


def _look_alike(made: Path, committed: Path) -> bool:
    """Say whether two PNGs differ by rounding only, as another processor's sums make them."""
    if made.suffix != ".png":
        return False
    try:
        new, old = (np.asarray(Image.open(path).convert("RGB"), dtype=int) for path in (made, committed))
    except (OSError, SyntaxError, ValueError):  # as Pillow says that a file is damaged
        return False
    return new.shape == old.shape and int(np.abs(new - old).max()) <= ROUNDING


def _first_difference(fresh: Path, committed: Path) -> str:
    """Name the cell of a CSV, or the line of another text, that differs first."""
    try:
        new, old = (path.read_text(encoding="utf-8") for path in (fresh, committed))
    except UnicodeDecodeError:
        return "the picture differs from what evidence and code give."
    if fresh.suffix == ".csv":
        rows = [list(csv.DictReader(text.splitlines())) for text in (new, old)]
        for one, other in zip(*rows, strict=False):
            for column in [*one, *other]:
                if one.get(column) != other.get(column):
                    found, given = other.get(column), one.get(column)
                    return f"row {one.get('row')}, {column}: {found}; evidence and code give {given}."
    lines = enumerate(zip_longest(new.splitlines(), old.splitlines(), fillvalue=""), 1)
    number, one, other = next(((n, a, b) for n, (a, b) in lines if a != b), (0, "", ""))
    return f"line {number}: {other[:120]!r}; evidence and code give {one[:120]!r}."
