"""A user's text in each medium: labels, captions and titles come out as they were written, whatever they hold."""

import logging
import re
from functools import cache
from typing import Any

MARKDOWN = re.compile(r"([\\`*_<>~$|&#])")
SHORT = 70  # characters of a label in a figure
LATEX = {"|": r"\textbar{}", "✓": r"$\checkmark$"}  # what pylatexenc leaves, and pdflatex prints as something else


def one_line(text: str) -> str:
    """Replace line breaks and tabs, which no cell of a table can hold, by spaces."""
    return re.sub(r"[\r\n\t\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+", " ", text)


def markdown(text: str) -> str:
    """Escape what Markdown would take for markup: the text is shown as it is."""
    return MARKDOWN.sub(r"\\\1", one_line(text))


def latex(text: str) -> str:
    """Escape what pdflatex cannot set. A character without a LaTeX form, such as an emoji, becomes its number."""
    found: str = _latex_encoder().unicode_to_latex(one_line(text))
    for character, command in LATEX.items():
        found = found.replace(character, command)
    if found.startswith("["):  # at the beginning of a row it would be an argument of the line break
        found = f"{{[}}{found[1:]}"
    return re.sub(r"(?<!\w)-(?=\d)", "$-$", found)


def without_latex_form(text: str) -> list[str]:
    """List the characters that `latex` turns into their numbers, each once, in their order."""
    encoder = _latex_encoder()
    rare = dict.fromkeys(one for one in one_line(text) if ord(one) > 127)
    return [one for one in rare if "U+" in encoder.unicode_to_latex(one)]


def figure(text: str) -> str:
    """Shorten a text for a figure, on one line. Matplotlib is set not to read it as mathematics."""
    line = one_line(text)
    return line if len(line) <= SHORT else f"{line[: SHORT - 1]}…"


@cache
def _latex_encoder() -> Any:
    from pylatexenc.latexencode import RULE_DICT, UnicodeToLatexConversionRule, UnicodeToLatexEncoder

    logging.getLogger("pylatexenc").setLevel(logging.ERROR)  # it logs each character that it does not know
    kept = UnicodeToLatexConversionRule(RULE_DICT, {ord(character): character for character in LATEX})
    return UnicodeToLatexEncoder(conversion_rules=[kept, "defaults"], unknown_char_policy="unihex")
