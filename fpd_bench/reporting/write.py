"""One call from sweeps and a store to the files of a report."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from fpd_bench.errors import ConfigError
from fpd_bench.reporting import evidence_report
from fpd_bench.reporting.model import TableResult
from fpd_bench.reporting.pages import index_page, row_pages
from fpd_bench.reporting.results import file_name
from fpd_bench.reporting.table_files import MadeTable, TableJob, make_all, write_texts
from fpd_bench.reporting.tables import markdown_text, reading_notes
from fpd_bench.reporting.tables.claims_by_table import TITLE, claims_by_table
from fpd_bench.reporting.tables.latex import to_latex
from fpd_bench.store.query import Store

if TYPE_CHECKING:
    from fpd_bench.config.sweeps.spec import Sweep

PART = ".report-"  # beginning of the name of a folder in which a report is being made
DEAD_SECONDS = 3600


@dataclass(frozen=True)
class WrittenReport:
    """tables; printed: what the terminal shows of each; paths: the files written."""

    tables: list[TableResult]
    printed: list[str]
    paths: list[Path]


def write_report(
    indexed: "Sequence[tuple[Sweep, Store]]",
    folder: Path,
    pictures: bool = True,
    overrides: Sequence[str] | None = None,
    linked_from: Path | None = None,
    columns: Sequence[str] = (),
) -> WrittenReport:
    """Write <table>.md, .tex and .csv, figures/ and the page.

    indexed: sweeps, each with the index of its runs. overrides: the words that the sweeps were read with, if their
    evidence is wanted as well. linked_from: where the files will lie in the end, for their links; default: folder.
    columns: those of the main tables, default: all.
    All of it, or none: files take their places when the last one is made. Raises ConfigError if they cannot.
    """
    _refuse_equal_names([sweep for sweep, _ in indexed])
    with explain_disk_errors(folder), tempfile.TemporaryDirectory(prefix=PART, dir=make_writable(folder)) as name:
        _forget_the_killed(folder)
        part = Path(name)
        written, shared, paths, statistics_page = list[MadeTable](), [], [], _statistics_page(linked_from or folder)
        jobs = [
            TableJob(sweep, table, store, part, pictures, tuple(columns), statistics_page, overrides is not None)
            for sweep, store in indexed
            for table in sweep.tables
        ]
        made = make_all(jobs)
        for sweep, store in indexed:
            own = list(islice(made, len(sweep.tables)))
            written += own
            paths += [path for one in own for path in one.paths]
            if len(claims := claims_by_table([one.table for one in own])):
                paths += _claims(sweep, claims, part)
                shared.append(index_page.SharedClaims(claims_file(sweep), sweep.title, claims))
            if overrides is not None:
                shown = [one.images for one in own if one.images]
                evidence_report.write(sweep, shown, store, part / evidence_report.FOLDER, overrides)
                shutil.rmtree(folder / evidence_report.FOLDER / sweep.name, ignore_errors=True)
        tables = [one.table for one in written]
        paths += index_page.write_page([one.section for one in written], shared, reading_notes.reading(tables), part)
        _put_in_place(part, folder)
        row_pages.remove_stale(tables, folder)
    return WrittenReport(tables, [one.printed for one in written], [folder / path.relative_to(part) for path in paths])


def _put_in_place(part: Path, folder: Path) -> None:
    """Move all files of a report that has been made to where they belong."""
    for path in sorted(part.rglob("*")):
        target = folder / path.relative_to(part)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        else:
            path.replace(target)


def _refuse_equal_names(sweeps: "Sequence[Sweep]") -> None:
    """Raise ConfigError if two tables would write the same files: names that differ in letters no file name holds."""
    taken: dict[str, str] = {"index": "the report's own page"}
    for sweep in sweeps:
        own = [(file_name(sweep.name, table.id), f"table '{table.id}' of {sweep.path}") for table in sweep.tables]
        for name, who in [*own, (claims_file(sweep), f"the claims of all tables of {sweep.path}")]:
            if name.lower() in taken:
                raise ConfigError(
                    f"{taken[name.lower()]} and {who} would both be written to {name}.md. Give one of them "
                    "another name: or id:, or report each of them to its own --out DIR."
                )
            taken[name.lower()] = who


def _forget_the_killed(folder: Path) -> None:
    """Remove what a report that was killed has left: nothing has been added to it for an hour."""
    for part in folder.glob(f"{PART}*"):
        with suppress(FileNotFoundError):  # another report has been faster
            if part.stat().st_mtime < time.time() - DEAD_SECONDS:
                shutil.rmtree(part, ignore_errors=True)


def make_writable(folder: Path) -> Path:
    """Make the folder and check that it can be written to. Raises ConfigError."""
    with explain_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder


@contextmanager
def explain_disk_errors(folder: Path) -> Iterator[None]:
    """Raise what the disk refuses as ConfigError, in one line."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"Cannot write the report to '{folder}': {error.strerror or error}. Choose another with --out DIR."
        ) from error


def _statistics_page(folder: Path) -> str | None:
    """Give the link from a report's folder to docs/statistics.md; None for a report outside of the checkout."""
    root = Path(__file__).parents[2]
    page_file, here = root / "docs/statistics.md", folder.resolve()
    if not page_file.is_file() or not here.is_relative_to(root):
        return None
    return Path(os.path.relpath(page_file, here)).as_posix()


def claims_file(sweep: "Sweep") -> str:
    """Name the file of the claims that several tables of a sweep ask."""
    return file_name(sweep.name, "claims-by-table")


def _claims(sweep: "Sweep", claims: pd.DataFrame, folder: Path) -> list[Path]:
    name = claims_file(sweep)
    texts = {
        "md": markdown_text.frame_markdown(f"{TITLE}: {sweep.title}", claims),
        "tex": to_latex(claims, f"{sweep.title}: {TITLE.lower()}", name),
        "csv": claims.to_csv(index=False),
    }
    return write_texts(name, texts, folder)
