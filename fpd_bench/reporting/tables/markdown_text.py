"""A TableResult as Markdown."""

from collections.abc import Collection

import pandas as pd
from tabulate import tabulate

from fpd_bench.reporting.model import TableResult
from fpd_bench.reporting.tables import text_frames
from fpd_bench.reporting.tables.reading_notes import HOW_OFTEN, notes, reading
from fpd_bench.reporting.tables.text_frames import TableFrames
from fpd_bench.reporting.user_text import markdown


def to_markdown(table: TableResult, frames: TableFrames, statistics_page: str | None = None) -> str:
    """Write the whole report of one table as Markdown. frames: its texts; statistics_page: where its footer points."""
    shown = _pipes(frames.main, frames.bold)
    blocks = [f"# {markdown(text_frames.heading(table))}", markdown(table.title), shown]
    for section in frames.sections:
        blocks += [f"## {section.title}", _pipes(section.frame)]
    blocks += ["## Notes", "\n".join(f"- {markdown(note)}" for note in reading([table]) + notes(table))]
    blocks += [f"[{HOW_OFTEN}]({statistics_page})"] if statistics_page else []
    return "\n\n".join(blocks) + "\n"


def frame_markdown(title: str, frame: pd.DataFrame) -> str:
    """Write a heading and a frame of texts as Markdown."""
    return f"# {markdown(title)}\n\n{_pipes(frame)}\n"


def _pipes(frame: pd.DataFrame, bold: Collection[tuple[int, str]] = ()) -> str:
    names = list(frame.columns)
    lines = [[markdown(str(cell)) for cell in line] for line in frame.to_numpy(dtype=object).tolist()]
    for row, column in bold:
        place = names.index(column)
        lines[row][place] = f"**{lines[row][place]}**"
    return tabulate(lines, [markdown(str(name)) for name in names], tablefmt="pipe", disable_numparse=True)
