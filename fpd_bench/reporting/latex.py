"""Frames -> LaTeX tables. They need booktabs; with a check mark also amssymb."""

from collections.abc import Collection

import pandas as pd

from fpd_bench.reporting.user_text import latex

NEEDS = "% Needs \\usepackage{booktabs,amssymb}\n"


def to_latex(frame: pd.DataFrame, caption: str, label: str, bold: Collection[tuple[int, str]] = ()) -> str:
    """Write a table float with booktabs rules. `bold` lists (row number, column) to set in bold."""
    cells = frame.reset_index(drop=True).map(lambda cell: latex(str(cell)))
    for row, column in bold:
        place = list(frame.columns).index(column)
        cells.iat[row, place] = rf"\textbf{{{cells.iat[row, place]!s}}}"
    cells.columns = [latex(str(name)) for name in frame.columns]
    text: str = cells.style.hide(axis="index").to_latex(
        hrules=True,
        caption=latex(caption),
        label=f"tab:{label}",
        position="t",
        position_float="centering",
        environment="table*",  # as wide as both columns of a two-column paper
        column_format="l" + "r" * (len(frame.columns) - 1),
    )
    return NEEDS + text
