"""One table and all its files: texts, figures, and a page for each row. Where tables are many, several at a time."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fpd_bench.forked import can_fork, forked
from fpd_bench.reporting.evidence_report import ShownImages
from fpd_bench.reporting.model import TableFigure, TableResult
from fpd_bench.reporting.pages import index_page, row_pages
from fpd_bench.reporting.pages.index_page import PageSection
from fpd_bench.reporting.results import table_result
from fpd_bench.reporting.tables import markdown_text, number_frame, text_frames
from fpd_bench.reporting.tables.console import console_text
from fpd_bench.reporting.tables.latex import table_latex
from fpd_bench.reporting.tables.text_frames import TableFrames
from fpd_bench.store.query import Store

if TYPE_CHECKING:
    from fpd_bench.config.sweeps.spec import Sweep, Table

MANY = 16  # tables from which on further processes are started


@dataclass(frozen=True)
class TableJob:
    """What is to be made of a table. folder: where to; pictures: figures too; columns: of the main table, () for all;
    statistics_page: where footers point to; evidence: whether the images that are shown are wanted back."""

    sweep: "Sweep"
    table: "Table"
    store: Store
    folder: Path
    pictures: bool
    columns: tuple[str, ...]
    statistics_page: str | None
    evidence: bool


@dataclass(frozen=True)
class MadeTable:
    """A table whose files are written. section: of the page; printed: for the terminal; paths: of all files but the
    rows' pages; images: what they show, if wanted."""

    table: TableResult
    section: PageSection
    printed: str
    paths: list[Path]
    images: ShownImages | None


def make(job: TableJob) -> MadeTable:
    """Compute a table and write its files."""
    table = replace(table_result(job.sweep, job.table, job.store), columns=job.columns)
    images = ShownImages() if job.evidence else None
    frames = text_frames.frames(table)
    paths = _texts(table, frames, job)
    figures = _draw(table, job.store, job.folder) if job.pictures else []
    for number, row in enumerate(row_pages.details(table, job.store)):
        index_page.write_row(table, number, row, job.folder)
        if images:
            images.add_page(row)
    if images:
        images.add_figure(table, job.store)
    paths += [job.folder / figure.path for figure in figures]
    section = index_page.section(table, figures, frames, job.statistics_page)
    return MadeTable(table, section, console_text(table, frames), paths, images)


def _texts(table: TableResult, frames: TableFrames, job: TableJob) -> list[Path]:
    texts = {
        "md": markdown_text.to_markdown(table, frames, job.statistics_page),
        "tex": table_latex(table, frames),
        "csv": number_frame.numbers_frame(table).to_csv(index=False, float_format="%.6g"),
    }
    return write_texts(table.name, texts, job.folder)


def write_texts(name: str, texts: dict[str, str], folder: Path) -> list[Path]:
    """Write {ending: text} to files of one name; return their paths."""
    paths = {folder / f"{name}.{kind}": text for kind, text in texts.items()}
    for path, text in paths.items():
        path.write_text(text, encoding="utf-8")
    return list(paths)


def _draw(table: TableResult, store: Store, folder: Path) -> list[TableFigure]:
    # Imported here: matplotlib and seaborn take longer than all the rest.
    from fpd_bench.reporting.figures.all_figures import draw

    return draw(table, store, folder)


def make_all(jobs: Sequence[TableJob]) -> Iterator[MadeTable]:
    """Make the tables, in their order.

    From MANY on, each processor makes a part of them. What a process cannot make, because of an error or because it was
    killed, is made here: its errors are told as those of few tables are.
    """
    parts = len(os.sched_getaffinity(0)) if can_fork() else 1
    if len(jobs) < MANY or parts < 2:
        yield from map(make, jobs)
        return
    with ExitStack() as stack:
        made = [stack.enter_context(forked(partial(_tasks, jobs[first::parts]))) for first in range(parts)]
        for number, job in enumerate(jobs):
            yield made[number % parts]() or make(job)


def _tasks(jobs: Sequence[TableJob]) -> Iterator[Callable[[], MadeTable]]:
    """Open the indexes anew, since a connection cannot be used in two processes."""
    stores = {job.store.url: Store(job.store.results, job.store.url) for job in jobs}
    return (partial(make, replace(job, store=stores[job.store.url])) for job in jobs)
