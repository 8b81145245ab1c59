"""A TableResult as frames of text: what people read on the terminal, in Markdown, in LaTeX and on the page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from fpd_bench import metrics
from fpd_bench.errors import UnknownName
from fpd_bench.reporting import diversity_columns, front, set_metrics, training_cost
from fpd_bench.reporting.model import VERDICTS, ClaimResult, RowResult, TableResult
from fpd_bench.reporting.number_words import NONE, QUIET, MarkedText, claim_text, estimate_text, p_text
from fpd_bench.reporting.tables.outlook_frame import outlook_frame


@dataclass(frozen=True)
class Section:
    """A table that follows the main one. folded: whether the page shows it only when asked."""

    title: str
    frame: pd.DataFrame
    folded: bool = False


@dataclass(frozen=True)
class TableFrames:
    """A table's texts, made once for all that print them. bold: (row number, column) of the main frame."""

    main: pd.DataFrame
    bold: list[tuple[int, str]]
    claims: pd.DataFrame
    sections: list[Section]


def frames(table: TableResult) -> TableFrames:
    """Make all frames of a table."""
    main, claims = main_frame(table), claims_frame(table)
    return TableFrames(main, bold_cells(table, main), claims, sections(table, claims))


def heading(table: TableResult) -> str:
    """Write the heading, such as 'Table 3a: Gradient routing' for a sweep called table3."""
    name = re.sub(r"^table(?=\d)", "Table ", table.name).replace("-", ", ", 1)
    return f"{name[:1].upper()}{name[1:]}: {table.caption}"


def main_frame(table: TableResult) -> pd.DataFrame:
    """Make the table itself: one row per row, text cells. Columns without any entry are left out."""
    metric = metrics.get_or_plain(table.metric)
    versus = f"Δ to {table.baseline}" if table.baseline else "Δ"
    columns = list(dict.fromkeys(name for row in table.rows for name in row.extra_columns))
    rows = []
    for row in table.rows:
        cells = {
            "Row": row.label,
            **{name: row.extra_columns.get(name, NONE) for name in columns},
            metric.heading: score_text(row, metric.digits),
            "SD seeds": NONE if row.spread is None else f"{row.spread:.{metric.digits}f}",
            "Seeds": str(sum(seed.score is not None for seed in row.seeds)),
            "Images": str(row.images) if row.images else NONE,
            versus: _delta(row, table, metric.digits),
            "p": p_text(row.delta.p if row.delta else None),
            "Of teacher": NONE if row.kept is None else f"{row.kept:.0%}",
            "Diversity": diversity_columns.words(row),
            "Published": _published(row.published, metric.published_digits),
            "Published Δ": _published(row.published_delta, metric.published_digits, "+"),
        }
        if table.comparable:
            cells["Ours - published"] = _difference(row, metric.digits)
        rows.append(cells)
    always = {"Row", metric.heading, "Seeds", "Images"}
    names = [name for name in rows[0] if name in always or any(cells[name] != NONE for cells in rows)] if rows else []
    names = ["Row", *choose_columns(table.columns, names)] if table.columns else names
    return pd.DataFrame([[cells[name] for name in names] for cells in rows], columns=names, dtype=object)


def choose_columns(wanted: Sequence[str], names: Sequence[str]) -> list[str]:
    """List those of `names` that are wanted, in the order of the wish; 'fid' is FID ↓, and 'Δ' the one to a baseline.

    Raises UnknownName for a wish that no name meets.
    """
    known = {name: name.split(" to ")[0].rstrip(" ↓↑").casefold() for name in names if name != "Row"}
    chosen = []
    for wish in wanted:
        found = [name for name, short in known.items() if wish.strip().casefold() in (short, name.casefold())]
        if not found:
            raise UnknownName("column", wish.strip(), list(known), "--columns")
        chosen += [name for name in found if name not in chosen]
    return chosen


def score_text(row: RowResult, places: int = 3) -> str:
    """Write '0.432 [0.410, 0.455]', or why there is no number."""
    return estimate_text(row.score, places=places) if row.score else MarkedText(row.state)


def _delta(row: RowResult, table: TableResult, places: int) -> str:
    if row.delta:
        return estimate_text(row.delta.difference, "+", places)
    return MarkedText("baseline") if row.label == table.baseline else NONE


def _published(value: float | None, places: int, sign: str = "") -> str:
    return NONE if value is None else f"{value:{sign}.{places}f}"


def _difference(row: RowResult, places: int) -> str:
    if row.score is None or row.published is None:
        return NONE
    flag = " (outside our interval)" if row.score.excludes(row.published) else ""
    return f"{row.score.value - row.published:+.{places}f}{flag}"


def claims_frame(table: TableResult) -> pd.DataFrame:
    """Make a line for each of the paper's claims: published difference, ours, test and verdict."""
    metric, most = metrics.get_or_plain(table.metric), max(table.looks, default=0)
    return pd.DataFrame(
        [
            {
                "Claim": claim_text(claim),
                "Published Δ": _published(claim.published, metric.published_digits, "+"),
                "Ours Δ": estimate_text(claim.ours.difference, "+", metric.digits) if claim.ours else NONE,
                "p": p_text(claim.p),
                "p Holm": p_text(claim.p_holm),
                "Verdict": _verdict_cell(claim, most),
            }
            for claim in table.claims
        ],
        dtype=object,
    )


def _verdict_cell(claim: ClaimResult, most: int) -> MarkedText:
    looks = f" at {claim.decided_at} of {most} seeds" if claim.decided_at else ""
    return MarkedText(claim.verdict + looks, claim.verdict if claim.verdict in VERDICTS else QUIET)


def tasks_frame(table: TableResult) -> pd.DataFrame:
    """Give the score of each task with its interval; rows without a score are left out."""
    rows = [
        {"Row": row.label}
        | {
            metric.heading: estimate_text(value, places=metric.digits)
            for metric, value in ((metrics.get_or_plain(task), value) for task, value in row.tasks.items())
        }
        for row in table.rows
        if row.tasks
    ]
    return pd.DataFrame(rows, dtype=object)


def published_frame(table: TableResult) -> pd.DataFrame:
    """Make a frame of all numbers that the paper gives, if they are more than the table's own metric."""
    given = [metrics.get_or_plain(name) for name in dict.fromkeys(name for row in table.rows for name in row.numbers)]
    if len(given) < 2:
        return pd.DataFrame()
    rows = [
        {"Row": row.label}
        | {metric.heading: _published(row.numbers.get(metric.name), metric.published_digits) for metric in given}
        for row in table.rows
        if row.numbers
    ]
    return pd.DataFrame(rows, dtype=object)


def novelty_frame(table: TableResult) -> pd.DataFrame:
    """Give the score on novel compositions and on the known ones of the same tasks; empty where no suite marks them."""
    rows = [
        {
            "Row": row.label,
            "Novel": estimate_text(row.novelty.novel),
            "Known": estimate_text(row.novelty.known),
            "Novel - known": estimate_text(row.novelty.gap, "+"),
        }
        for row in table.rows
        if row.novelty
    ]
    return pd.DataFrame(rows, dtype=object)


def seeds_frame(table: TableResult) -> pd.DataFrame:
    """List every run behind the table: row, seed, run id, score or status."""
    places = metrics.get_or_plain(table.metric).digits + 1
    rows = [
        {
            "Row": row.label,
            "Seed": str(seed.seed),
            "Run": seed.run_id,
            "Score": MarkedText(seed.status) if seed.score is None else f"{seed.score:.{places}f}",
        }
        for row in table.rows
        for seed in row.seeds
    ]
    return pd.DataFrame(rows, dtype=object)


def bold_cells(table: TableResult, main: pd.DataFrame) -> list[tuple[int, str]]:
    """List the scores set in bold in its main frame, as (row number, column)."""
    heading = metrics.get_or_plain(table.metric).heading
    return [(n, heading) for n, row in enumerate(table.rows) if row.best and heading in main.columns]


def sections(table: TableResult, claims: pd.DataFrame) -> list[Section]:
    """List the tables that follow the main one, without the empty ones. claims: the table's `claims_frame`."""
    of_all = set_metrics.of_all_images(table.metric)
    found = [
        Section("Quality at kept diversity", front.best_frame(table)),
        Section("Claims", claims),
        Section("What it takes to decide", outlook_frame(table)),
        Section("All metrics" if of_all else "By task", tasks_frame(table)),
        Section("Diversity", diversity_columns.frame(table)),
        Section("Training cost", training_cost.frame(table)),
        Section("Novel compositions", novelty_frame(table)),
        Section("Published", published_frame(table)),
        Section("Every run", seeds_frame(table), folded=True),
    ]
    return [one for one in found if len(one.frame)]
