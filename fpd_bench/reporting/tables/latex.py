"""A TableResult, or a frame, as LaTeX tables. They need booktabs; with a check mark also amssymb."""

import unicodedata
from collections.abc import Collection

import pandas as pd

from fpd_bench.reporting.model import TableResult
from fpd_bench.reporting.tables.text_frames import TableFrames
from fpd_bench.reporting.user_text import latex, without_latex_form

NEEDS = "% Needs \\usepackage{array,booktabs,amssymb}\n"
WIDTH = "% As wide as {} of a two-column paper. To choose columns: report --columns LIST\n"
COLUMN_LETTERS = 50  # that fit into one column of a two-column paper, 3.25 inches, at \footnotesize
LABEL_LETTERS = 30  # longer labels are broken into lines
GAP_LETTERS = 2  # between two columns of a table


def to_latex(frame: pd.DataFrame, caption: str, label: str, bold: Collection[tuple[int, str]] = ()) -> str:
    r"""Write a table float with booktabs rules: one column of a paper wide if that suffices, else both (table*).

    bold: (row number, column) to set in bold. Comments at its head name what it needs, and each character that
    pdflatex cannot set and that is printed as its number.
    """
    cells = frame.reset_index(drop=True).map(lambda cell: latex(str(cell)))
    for row, column in bold:
        place = list(frame.columns).index(column)
        cells.iat[row, place] = rf"\textbf{{{cells.iat[row, place]!s}}}"
    cells.columns = [latex(str(name)) for name in frame.columns]
    widths = [max([len(str(name)), *(len(str(cell)) for cell in frame[name])]) for name in frame.columns]
    first, narrow = _first_column(widths)
    text: str = cells.style.hide(axis="index").to_latex(
        hrules=True,
        caption=latex(caption),
        label=f"tab:{label}",
        position="t",
        position_float="centering",
        environment="table" if narrow else "table*",
        column_format=first + "r" * (len(frame.columns) - 1),
    )
    text = text.replace("\\begin{tabular}", "\\footnotesize\\setlength{\\tabcolsep}{4pt}\n\\begin{tabular}", 1)
    written = " ".join([caption, *map(str, frame.columns), *(str(cell) for cell in frame.to_numpy().ravel())])
    return NEEDS + WIDTH.format("one column" if narrow else "both columns") + _comments_on_unprintable(written) + text


def _first_column(widths: list[int]) -> tuple[str, bool]:
    """Choose the format of the column of labels; say whether all columns fit into one of the paper's."""
    broken = widths[0] > LABEL_LETTERS
    letters = min(widths[0], LABEL_LETTERS) + sum(widths[1:]) + GAP_LETTERS * (len(widths) - 1)
    return (">{\\raggedright\\arraybackslash}p{11em}" if broken else "l"), letters <= COLUMN_LETTERS


def _comments_on_unprintable(text: str) -> str:
    """Name in a comment each character that is printed as its number."""
    return "".join(
        f"% No LaTeX form, printed as U+{ord(one):04X}: {unicodedata.name(one, 'unnamed character')}\n"
        for one in without_latex_form(text)
    )


def table_latex(table: TableResult, frames: TableFrames) -> str:
    """Write main table and claims, whose texts are `frames`, as two LaTeX floats."""
    text = to_latex(frames.main, table.caption, table.name, frames.bold)
    if table.claims:
        text += "\n" + to_latex(frames.claims, f"{table.caption}: claims", f"{table.name}-claims")
    return text
