"""A TableResult as Markdown."""

from collections.abc import Collection

import pandas as pd

from fpd_bench.reporting.model import TableResult
from fpd_bench.reporting.tables import text_frames
from fpd_bench.reporting.tables.reading_notes import HOW_OFTEN, notes, reading
from fpd_bench.reporting.user_text import markdown


def to_markdown(table: TableResult, statistics_page: str | None = None) -> str:
    """Write the whole report of one table as Markdown. statistics_page: where its footer points to."""
    main = text_frames.main_frame(table)
    shown = _pipes(main, text_frames.bold_cells(table, main))
    blocks = [f"# {markdown(text_frames.heading(table))}", markdown(table.title), shown]
    for section in text_frames.sections(table):
        blocks += [f"## {section.title}", _pipes(section.frame)]
    blocks += ["## Notes", "\n".join(f"- {markdown(note)}" for note in reading([table]) + notes(table))]
    blocks += [f"[{HOW_OFTEN}]({statistics_page})"] if statistics_page else []
    return "\n\n".join(blocks) + "\n"


def frame_markdown(title: str, frame: pd.DataFrame) -> str:
    """Write a heading and a frame of texts as Markdown."""
    return f"# {markdown(title)}\n\n{_pipes(frame)}\n"


def _pipes(frame: pd.DataFrame, bold: Collection[tuple[int, str]] = ()) -> str:
    escaped = frame.map(lambda cell: markdown(str(cell)))
    for row, column in bold:
        escaped.at[row, column] = f"**{escaped.at[row, column]!s}**"
    escaped.columns = [markdown(str(name)) for name in frame.columns]
    return escaped.to_markdown(index=False, disable_numparse=True)
