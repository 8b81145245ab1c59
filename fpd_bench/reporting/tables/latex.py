"""A TableResult, or a frame, as LaTeX tables. They need booktabs; with a check mark also amssymb."""

import unicodedata
from collections.abc import Collection, Iterable

import pandas as pd

from fpd_bench.reporting.model import TableResult
from fpd_bench.reporting.tables.text_frames import TableFrames
from fpd_bench.reporting.user_text import latex, without_latex_form

NEEDS = "% Needs \\usepackage{array,booktabs,amssymb}\n"
WIDTH = "% As wide as {} of a two-column paper. To choose columns: report --columns LIST\n"
FLOAT = r"""\begin{{{environment}}}[t]
\centering
\caption{{{caption}}}
\label{{tab:{label}}}
\footnotesize\setlength{{\tabcolsep}}{{4pt}}
\begin{{tabular}}{{{columns}}}
\toprule
{head}\midrule
{body}\bottomrule
\end{{tabular}}
\end{{{environment}}}
"""
COLUMN_LETTERS = 50  # that fit into one column of a two-column paper, 3.25 inches, at \footnotesize
LABEL_LETTERS = 30  # longer labels are broken into lines
GAP_LETTERS = 2  # between two columns of a table


def to_latex(frame: pd.DataFrame, caption: str, label: str, bold: Collection[tuple[int, str]] = ()) -> str:
    r"""Write a table float with booktabs rules: one column of a paper wide if that suffices, else both (table*).

    bold: (row number, column) to set in bold. Comments at its head name what it needs, and each character that
    pdflatex cannot set and that is printed as its number.
    """
    names = [str(name) for name in frame.columns]
    plain = [[str(cell) for cell in line] for line in frame.to_numpy(dtype=object).tolist()]
    first, narrow = _first_column([max(map(len, column)) for column in zip(names, *plain, strict=True)])
    cells = [[latex(cell) for cell in line] for line in plain]
    for row, column in bold:
        place = names.index(column)
        cells[row][place] = rf"\textbf{{{cells[row][place]}}}"
    text = FLOAT.format(
        environment="table" if narrow else "table*",
        caption=latex(caption),
        label=label,
        columns=first + "r" * (len(names) - 1),
        head=_line(latex(name) for name in names),
        body="".join(map(_line, cells)),
    )
    written = " ".join([caption, *names, *(cell for line in plain for cell in line)])
    return NEEDS + WIDTH.format("one column" if narrow else "both columns") + _comments_on_unprintable(written) + text


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + " \\\\\n"


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
