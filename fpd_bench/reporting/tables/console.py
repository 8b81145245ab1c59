"""A table on the terminal."""

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fpd_bench.reporting.model import TableResult
from fpd_bench.reporting.tables import text_frames
from fpd_bench.reporting.tables.text_frames import TableFrames
from fpd_bench.reporting.user_text import one_line

WIDE = 170  # columns in a log file, so that no cell is broken


def console_text(table: TableResult, frames: TableFrames) -> str:
    """Draw the main table and its claims, whose texts are `frames`, as stdout takes them: in colours if a terminal."""
    console = Console()
    if not console.is_terminal:
        console.width = WIDE
    with console.capture() as drawn:
        console.print(_drawn(text_frames.heading(table), frames.main, set(frames.bold)))
        if table.claims:
            console.print(_drawn("Claims", frames.claims, set()))
    return drawn.get()


def _drawn(title: str, frame: pd.DataFrame, bold: set[tuple[int, str]]) -> Table:
    drawn = Table(title=Text(one_line(title), "bold"), title_justify="left")  # a Text is never read as markup
    for n, name in enumerate(frame.columns):
        drawn.add_column(Text(one_line(str(name))), justify="left" if n == 0 else "right")
    for n, row in enumerate(frame.itertuples(index=False)):
        cells = zip(frame.columns, row, strict=True)
        drawn.add_row(*(Text(one_line(str(cell)), "bold" if (n, name) in bold else "") for name, cell in cells))
    return drawn
