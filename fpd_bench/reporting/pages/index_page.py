"""The report as a page (index.html), a page for each row, and a short Markdown index. No dates, no outside files."""

import hashlib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import starmap
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from fpd_bench import __version__
from fpd_bench.reporting.model import VERDICTS, TableFigure, TableResult
from fpd_bench.reporting.number_words import NONE, MarkedText
from fpd_bench.reporting.pages import row_pages
from fpd_bench.reporting.pages.row_pages import RowDetails
from fpd_bench.reporting.tables import reading_notes, text_frames
from fpd_bench.reporting.tables.claims_by_table import TITLE
from fpd_bench.reporting.tables.text_frames import TableFrames
from fpd_bench.reporting.user_text import markdown

CSS = files(__package__).joinpath("templates/style.css").read_text(encoding="utf-8")
LINKED = "Row"  # frames with this column are about rows, whose pages their cells open


@dataclass(frozen=True)
class PageSection:
    """A table's section of the page, and what lists and overview say of it. content: hash of the data behind it; done:
    finished runs, planned ones; verdicts: (name, its claims); best: labels of the rows that may be the best."""

    name: str
    heading: str
    content: str
    done: tuple[int, int]
    verdicts: list[tuple[str, int]]
    best: list[str]
    html: Markup


@dataclass(frozen=True)
class SharedClaims:
    """The claims that several tables of a sweep ask, and the name of the files that hold them as well."""

    name: str
    title: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class ShownCell:
    """A cell of a table on the page. kind: a class of style.css; link: what it opens, '' for nothing."""

    text: str
    kind: str
    link: str


@cache
def _templates() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    made.filters["facts"] = _facts
    return made


def _facts(lines: list[tuple[str, str]]) -> Markup:
    """Write (name, value) as lines of a table: runs have hundreds, which a template would take a tenth of a report
    for."""
    return Markup("".join(starmap(_fact, lines)))


@lru_cache(maxsize=100_000)  # the same settings and versions stand on the pages of all runs
def _fact(name: str, value: str) -> str:
    return f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>\n'


def write_page(sections: list[PageSection], shared: list[SharedClaims], reading: list[str], folder: Path) -> list[Path]:
    """Write index.html and index.md. reading: how to read the tables."""
    content = overall_hash(sections)
    text = (
        _templates()
        .get_template("index.html")
        .render(
            sections=sections,
            shared=[(one.name, one.title, _cells(one.frame, {}, set())) for one in shared],
            shared_title=TITLE,
            reading=reading,
            footer=_footer(content),
        )
    )
    pages = {"index.html": text, "index.md": _markdown(sections, shared, content)}
    for name, page in pages.items():
        (folder / name).write_text(page, encoding="utf-8")
    return [folder / name for name in pages]


def write_row(table: TableResult, number: int, row: RowDetails, folder: Path) -> None:
    """Write the page of a table's row. number: of the row in its table."""
    text = (
        _templates()
        .get_template("row.html")
        .render(
            table=table,
            one=row,
            heading=text_frames.heading(table),
            score_text=text_frames.score_text,
            footer=_footer(table.content),
            signature=row_pages.SIGNATURE,
        )
    )
    path = folder / row_pages.file_of(table, number)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def overall_hash(sections: list[PageSection]) -> str:
    """Hash of the data behind all tables of the page, in their order."""
    return hashlib.sha256(" ".join(one.content for one in sections).encode()).hexdigest()[:12]


def _footer(content: str) -> str:
    return f"Hash of the data {content} · fpd-bench {__version__} · the same data give the same bytes"


def section(
    table: TableResult, figures: list[TableFigure], frames: TableFrames, statistics_page: str | None = None
) -> PageSection:
    """Make a table's section. frames: its texts; statistics_page: where its footer points to."""
    heading, verdicts = text_frames.heading(table), [claim.verdict for claim in table.claims]
    html = (
        _templates()
        .get_template("section.html")
        .render(
            table=table,
            heading=heading,
            figures=figures,
            notes=reading_notes.notes(table),
            statistics=(statistics_page, reading_notes.HOW_OFTEN),
            **_section_cells(table, frames),
        )
    )
    return PageSection(
        table.name,
        heading,
        table.content,
        table.done,
        [(name, verdicts.count(name)) for name in (*VERDICTS, "not tested") if name in verdicts],
        [row.label for row in table.rows if row.best],
        Markup(html),
    )


def _section_cells(table: TableResult, frames: TableFrames) -> dict[str, Any]:
    """Give the cells of the main table and those of the frames that follow it."""
    pages = {row.label: row_pages.file_of(table, n) for n, row in reversed(list(enumerate(table.rows)))}
    runs = {
        seed.run_id: f"{row_pages.file_of(table, n)}#{seed.run_id}"
        for n, row in enumerate(table.rows)
        for seed in row.seeds
    }
    return {
        "main": _cells(frames.main, pages, set(frames.bold), in_order=table),
        "frames": [(part.title, _cells(part.frame, pages | runs, set()), part.folded) for part in frames.sections],
    }


def _cells(
    frame: pd.DataFrame, links: dict[str, str], best: set[tuple[int, str]], in_order: TableResult | None = None
) -> tuple[list[str], list[list[ShownCell]]]:
    """Give the headings and rows of a frame. in_order: the table whose rows the frame's lines are, one by one."""
    lines = []
    for n, row in enumerate(frame.to_numpy(dtype=object).tolist()):
        about = links.get(str(row[0]), "") if frame.columns[0] == LINKED else ""
        about = row_pages.file_of(in_order, n) if in_order else about
        line = []
        for name, text in zip(frame.columns, row, strict=True):
            kind = "best" if (n, name) in best else text.kind if isinstance(text, MarkedText) else ""
            link = links.get(str(text), about) if str(text) != NONE else ""
            line.append(ShownCell(str(text), kind, link))
        lines.append(line)
    return [str(name) for name in frame.columns], lines


def _markdown(sections: list[PageSection], shared: list[SharedClaims], content: str) -> str:
    rows = []
    for one in sections:
        finished, planned = one.done
        counts = dict(one.verdicts)
        rows.append(
            {
                "Table": f"[{markdown(one.heading)}]({one.name}.md)",
                "Runs": f"{finished} of {planned}",
                **{name.capitalize(): str(counts.get(name, 0)) for name in (*VERDICTS, "not tested")},
            }
        )
    listing = pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)
    intro = "The whole report with pictures is [index.html](index.html)."
    for claims in shared:
        intro += f"\n\n[{TITLE}]({claims.name}.md): {markdown(claims.title)}"
    return f"# fpd-bench report\n\n{intro}\n\n{listing}\n\n{_footer(content)}\n"
