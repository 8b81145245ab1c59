"""Frames -> booktabs LaTeX, and the one place that knows how our symbols are written there."""

import re
from collections.abc import Collection

import pandas as pd

SYMBOLS = {
    "<": "$<$",  # in text mode and the old font encoding these two print as ¡ and —
    "|": r"\textbar{}",
    "Δ": r"$\Delta$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "→": r"$\rightarrow$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "✓": r"$\checkmark$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "–": "--",
    "λ": r"$\lambda$",
    "γ": r"$\gamma$",
    "σ": r"$\sigma$",
    "·": r"$\cdot$",
}


def symbols(text: str) -> str:
    """Text with every known symbol and minus sign as LaTeX; pandas passes them through untouched."""
    for symbol, command in SYMBOLS.items():
        text = text.replace(symbol, command)
    return re.sub(r"(?<!\w)-(?=\d)", "$-$", text)


def to_latex(frame: pd.DataFrame, caption: str, label: str, bold: Collection[tuple[int, str]] = ()) -> str:
    """A table float with booktabs rules. Cells are escaped; `bold` lists (row number, column) to set in bold."""
    frame = frame.reset_index(drop=True)
    styles = pd.DataFrame("", index=frame.index, columns=frame.columns)
    for row, column in bold:
        styles.loc[row, column] = "textbf:--rwrap;"
    styler = frame.style.hide(axis="index").format(escape="latex").format_index(escape="latex", axis="columns")
    styler = styler.apply(lambda _: styles, axis=None)
    text = styler.to_latex(
        hrules=True,
        caption=_escape(caption),
        label=f"tab:{label}",
        position="t",
        position_float="centering",
        environment="table*",  # as wide as both columns of a two-column paper
        column_format="l" + "r" * (len(frame.columns) - 1),
    )
    return symbols(text)


def _escape(text: str) -> str:
    for character in "&%$#_{}":
        text = text.replace(character, f"\\{character}")
    return text
