"""The report as one static page (index.html) and a short Markdown index. No scripts, no dates, no outside files."""

import hashlib
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from fpd_bench import __version__
from fpd_bench.reporting import tables
from fpd_bench.reporting.claims_by_table import TITLE
from fpd_bench.reporting.model import VERDICTS, TableResult
from fpd_bench.reporting.number_words import MarkedText
from fpd_bench.reporting.user_text import markdown

CSS = """
:root { --ink: #1c2330; --quiet: #667085; --line: #e4e7ec; --accent: #1f5fa8; --paper: #ffffff; }
* { box-sizing: border-box; }
body { margin: 0; background: #f6f7f9; color: var(--ink);
  font: 15px/1.55 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main, header, footer { max-width: 1280px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 36px; } h1 { margin: 0 0 4px; font-size: 27px; letter-spacing: -.01em; }
header p, footer, .meta { color: var(--quiet); }
a { color: var(--accent); }
nav { display: flex; flex-wrap: wrap; gap: 8px; margin: 16px 0 8px; }
nav a { padding: 4px 11px; border: 1px solid var(--line); border-radius: 999px; background: var(--paper);
  color: var(--accent); text-decoration: none; font-size: 13px; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; margin: 20px 0;
  padding: 22px 26px; }
h2 { margin: 0; font-size: 19px; } h3 { margin: 26px 0 8px; font-size: 14px; color: var(--quiet); font-weight: 600; }
.meta { margin: 2px 0 14px; font-size: 13px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; width: 100%; }
th { text-align: right; font-weight: 600; border-top: 2px solid var(--ink); border-bottom: 1px solid var(--ink); }
td { text-align: right; border-bottom: 1px solid var(--line); }
th, td { padding: 6px 8px; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: normal;
  min-width: 130px; }
tr:last-child td { border-bottom: 2px solid var(--ink); }
td.best { font-weight: 700; } td.quiet { color: var(--quiet); font-style: italic; }
td.reproduced { color: #1a7f4b; font-weight: 600; } td.contradicted { color: #b42318; font-weight: 600; }
td.undecided, td.collapsed { color: #9a6700; font-weight: 600; }
img { max-width: 100%; height: auto; display: block; margin: 10px 0; }
img.scores { width: 720px; }
details { margin-top: 18px; } summary { cursor: pointer; color: var(--accent); }
ul.notes { margin: 16px 0 0; padding-left: 18px; font-size: 13px; color: var(--quiet); }
footer { padding-bottom: 40px; font-size: 13px; } code { font-size: 12px; }
"""


@dataclass(frozen=True)
class PageFiles:
    """A table and the files written for it, relative to the report's folder. figures: caption -> PNG."""

    table: TableResult
    figures: dict[str, str]


@dataclass(frozen=True)
class SharedClaims:
    """The claims that several tables of a sweep ask, and the name of the files that hold them as well."""

    name: str
    title: str
    frame: pd.DataFrame


def write_page(
    written: list[PageFiles], shared: list[SharedClaims], folder: Path, statistics_page: str | None = None
) -> list[Path]:
    """Write index.html and index.md. statistics_page: where the footers point to."""
    content = overall_hash(written)
    pages = {
        "index.html": _html(written, shared, content, statistics_page),
        "index.md": _markdown(written, shared, content),
    }
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in pages]


def overall_hash(written: list[PageFiles]) -> str:
    """Hash of the data behind all tables of the page, in their order."""
    return hashlib.sha256(" ".join(one.table.content for one in written).encode()).hexdigest()[:12]


def _html(written: list[PageFiles], shared: list[SharedClaims], content: str, statistics_page: str | None) -> str:
    headings = [(one.name, f"{TITLE}: {one.title}") for one in shared]
    headings += [(one.table.name, tables.heading(one.table)) for one in written]
    links = "".join(f'<a href="#{name}">{escape(words)}</a>' for name, words in headings)
    body = "\n".join([_claims(one) for one in shared] + [_section(one, statistics_page) for one in written])
    reading = "".join(f"<li>{escape(note)}</li>" for note in tables.reading([one.table for one in written]))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>fpd-bench report</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        "<header><h1>fpd-bench report</h1>"
        "<p>Ablations of Fixed-Point Distillation: our runs beside the published numbers, with their uncertainty.</p>"
        f'<ul class="notes">{reading}</ul><nav>{links}</nav></header>\n'
        f"<main>\n{body}\n</main>\n<footer>{escape(_footer(content))}</footer>\n</body>\n</html>\n"
    )


def _footer(content: str) -> str:
    return f"Hash of the data {content} · fpd-bench {__version__} · the same data give the same bytes"


def _claims(one: SharedClaims) -> str:
    files = " · ".join(f'<a href="{one.name}.{kind}">{kind}</a>' for kind in ("md", "tex", "csv"))
    heading = f'<h2>{TITLE}</h2>\n<p class="meta">{escape(one.title)} · {files}</p>'
    return f'<section id="{one.name}">\n{heading}\n{_table(one.frame, set())}\n</section>'


def _section(one: PageFiles, statistics_page: str | None) -> str:
    table = one.table
    files = " · ".join(f'<a href="{table.name}.{kind}">{kind}</a>' for kind in ("md", "tex", "csv"))
    finished, planned = table.done
    parts = [
        f'<section id="{table.name}">\n<h2>{escape(tables.heading(table))}</h2>',
        f'<p class="meta">{escape(table.title)} · {finished} of {planned} runs finished · {files}</p>',
        _table(tables.main_frame(table), set(tables.bold_cells(table))),
    ]
    for title, frame in tables.sections(table):
        drawn = _table(frame, set())
        if title == tables.EVERY_RUN:
            parts.append(f"<details><summary>{title} ({len(frame)})</summary>{drawn}</details>")
        else:
            parts.append(f"<h3>{title}</h3>{drawn}")
    for caption, path in one.figures.items():
        kind, words = caption.split()[0].lower(), escape(caption)
        parts.append(f'<h3>{words}</h3><img class="{kind}" src="{path}" alt="{words}: {escape(table.caption)}">')
    notes = "".join(f"<li>{escape(note)}</li>" for note in tables.notes(table))
    if statistics_page:
        notes += f'<li><a href="{statistics_page}">{tables.HOW_OFTEN}</a></li>'
    return "\n".join([*parts, f'<ul class="notes">{notes}</ul>\n</section>'])


def _table(frame: pd.DataFrame, best: set[tuple[int, str]]) -> str:
    head = "".join(f"<th>{escape(str(name))}</th>" for name in frame.columns)
    lines = []
    for n, row in enumerate(frame.itertuples(index=False)):
        cells = zip(frame.columns, row, strict=True)
        lines.append("<tr>" + "".join(_cell(text, (n, name) in best) for name, text in cells) + "</tr>")
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _cell(text: str, best: bool) -> str:
    if best:
        return f'<td class="best">{escape(text)}</td>'
    if isinstance(text, MarkedText):
        return f'<td class="{text.kind}">{escape(text)}</td>'
    return f"<td>{escape(text)}</td>"


def _markdown(written: list[PageFiles], shared: list[SharedClaims], content: str) -> str:
    rows = []
    for one in written:
        finished, planned = one.table.done
        verdicts = [claim.verdict for claim in one.table.claims]
        rows.append(
            {
                "Table": f"[{markdown(tables.heading(one.table))}]({one.table.name}.md)",
                "Runs": f"{finished} of {planned}",
                **{name.capitalize(): str(verdicts.count(name)) for name in (*VERDICTS, "not tested")},
            }
        )
    listing = pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)
    intro = "The whole report with pictures is [index.html](index.html)."
    for claims in shared:
        intro += f"\n\n[{TITLE}]({claims.name}.md): {markdown(claims.title)}"
    return f"# fpd-bench report\n\n{intro}\n\n{listing}\n\n{_footer(content)}\n"
