"""A TableResult as frames of text (what people read) and of numbers (what programs read), and as Markdown."""

import math
import re
from collections.abc import Collection, Sequence

import pandas as pd

from fpd_bench import metrics
from fpd_bench.errors import UnknownName
from fpd_bench.evals.statistics import Estimate, constant_level
from fpd_bench.reporting import diversity_columns, front, set_metrics
from fpd_bench.reporting.model import VERDICTS, ClaimResult, RowResult, TableResult
from fpd_bench.reporting.number_words import NONE, QUIET, MarkedText, claim_text, estimate_text, p_text
from fpd_bench.reporting.tables.latex import to_latex
from fpd_bench.reporting.tables.outlook_frame import outlook_frame, outlook_notes
from fpd_bench.reporting.user_text import markdown

OTHER_BENCH = (
    "The published numbers come from the paper's benches (MaskGen on GenEval, MaskGIT on ImageNet), ours from "
    "the bench of this profile. They stand side by side but are not expected to be equal: compare the "
    "differences between rows, not the scores."
)
READING_OF_ALL = (
    "FID and similar metrics give one number for all images of a run. Their intervals and tests are Student's "
    "t over seeds, paired by seed. Numbers are only compared if they have the same protocol, and the paper "
    "does not state its own."
)
READING = (
    "Intervals are 95% intervals for new seeds and new prompts. Two rows have one difference, paired by seed, "
    "prompt and noise, with one interval and one p: p < 0.05 exactly where the interval excludes 0. A verdict "
    "needs p < 0.05 after Holm's adjustment over the claims of the table. Bold: the rows that may be the "
    "best, with 95% confidence. More in docs/statistics.md."
)
EVERY_RUN = "Every run"
ALWAYS = ("row", "label", "state", "score", "score_low", "score_high", "seeds", "images", "run_ids")  # in a CSV
HOW_OFTEN = "How often such intervals and verdicts are wrong, and how to quote them"


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
    frame = pd.DataFrame(rows, dtype=object)
    always = {"Row", metric.heading, "Seeds", "Images"}
    frame = frame[[name for name in frame.columns if name in always or (frame[name] != NONE).any()]]
    return frame[["Row", *choose_columns(table.columns, list(frame.columns))]] if table.columns else frame


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


def numbers_frame(table: TableResult) -> pd.DataFrame:
    """Make the table as plain numbers, one line per row, for the CSV: a column for each task that any row has.

    A cell is empty where there is no number; a column that would be empty is left out, except those of ALWAYS.
    """
    tasks = metrics.ordered(task for row in table.rows for task in row.tasks)
    rows = []
    for row in table.rows:
        delta = row.delta.difference if row.delta else None
        numbers: dict[str, object] = {
            "row": row.id,
            "label": row.label,
            "state": row.state,
            **_columns("score", row.score),
            "sd_seeds": row.spread,
            "seeds": sum(seed.score is not None for seed in row.seeds),
            "images": row.images,
            **_columns("delta", delta),
            "p": row.delta.p if row.delta else None,
            "best": row.best,
            "kept_of_teacher": row.kept,
            "published": row.published,
            "published_delta": row.published_delta,
            "run_ids": " ".join(seed.run_id for seed in row.seeds),
        }
        if row.numbers.keys() - {table.metric}:
            numbers |= {f"published_{name}": value for name, value in row.numbers.items()}
        if set_metrics.of_all_images(table.metric):
            numbers["protocol"] = row.protocol
        if any(other.diversity for other in table.rows):
            numbers |= {"diversity_kept": row.variety, "collapsed": row.collapsed}
            for name in diversity_columns.given(table):
                numbers |= _columns(name, row.diversity.get(name))
        for task in tasks:
            numbers |= _columns(task, row.tasks.get(task))
        if any(other.novelty for other in table.rows):
            numbers |= _columns("novel", row.novelty.novel if row.novelty else None)
            numbers |= _columns("known", row.novelty.known if row.novelty else None)
        rows.append(numbers)
    frame = pd.DataFrame(rows)
    return frame[[name for name in frame.columns if name in ALWAYS or frame[name].notna().any()]]


def _columns(name: str, estimate: Estimate | None) -> dict[str, float]:
    values = (estimate.value, estimate.low, estimate.high) if estimate else (math.nan,) * 3
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))


def reading(results: list[TableResult]) -> list[str]:
    """Say how to read the tables, once for all of them."""
    of_all = [READING_OF_ALL] if any(set_metrics.of_all_images(table.metric) for table in results) else []
    return [READING] + of_all + ([] if all(table.comparable for table in results) else [OTHER_BENCH])


def notes(table: TableResult) -> list[str]:
    """Say what a reader must know of this table besides `reading`."""
    finished, planned = table.done
    said = []
    if any(len(row.seeds) == 1 and row.scores for row in table.rows):
        said.append(
            "A row with one seed has an interval over prompts only, which says nothing of another training: "
            "its differences have no p and its claims no verdict."
        )
    if table.teacher is not None:
        said.append(
            f"Of teacher: the row's score divided by the teacher's score in 16 steps ({table.teacher:.3f}) on the "
            "same suite."
        )
    said += diversity_columns.notes(table) + front.notes(table)
    if tasks := sorted({task for row in table.rows if row.novelty for task in row.novelty.tasks}):
        names = ", ".join(metrics.get_or_plain(task).label for task in tasks)
        said.append(
            "Novel compositions: prompts with a composition (colour on shape, relation) that was withheld "
            f"from training, against the other prompts of the same tasks ({names}). Training scenes of other "
            "tasks may show a withheld relation without naming it."
        )
    said += _looks(table) + outlook_notes(table) + table.notes
    data = f"{finished} of {planned} runs finished; hash of the data {table.content}."
    return [*said, f"Profile {table.profile}; suite {table.suite or 'none yet'}; {data}"]


def _looks(table: TableResult) -> list[str]:
    """Say how seeds were added, in a table with looks."""
    if not table.looks:
        return []
    looks = ", ".join(map(str, table.looks))
    text = (
        f"Seeds are added until the claims are decided: rows are compared after {looks} seeds, from the second "
        f"look on only those of open claims. All looks have the same level, {constant_level(table.looks):.3f}, "
        "chosen so that together they err as rarely as one test at 0.05. Intervals of differences have that "
        "level; p is that of all looks together."
    )
    return [f"{text} {table.unfinished} runs of the current look have no result yet." if table.unfinished else text]


def bold_cells(table: TableResult) -> list[tuple[int, str]]:
    """List the scores set in bold as (row number, column)."""
    heading = metrics.get_or_plain(table.metric).heading
    shown = heading in main_frame(table).columns
    return [(n, heading) for n, row in enumerate(table.rows) if row.best and shown]


def to_markdown(table: TableResult, statistics_page: str | None = None) -> str:
    """Write the whole report of one table as Markdown. statistics_page: where its footer points to."""
    main = _pipes(main_frame(table), bold_cells(table))
    blocks = [f"# {markdown(heading(table))}", markdown(table.title), main]
    for title, extra in sections(table):
        blocks += [f"## {title}", _pipes(extra)]
    blocks += ["## Notes", "\n".join(f"- {markdown(note)}" for note in reading([table]) + notes(table))]
    blocks += [f"[{HOW_OFTEN}]({statistics_page})"] if statistics_page else []
    return "\n\n".join(blocks) + "\n"


def frame_markdown(title: str, frame: pd.DataFrame) -> str:
    """Write a heading and a frame of texts as Markdown."""
    return f"# {markdown(title)}\n\n{_pipes(frame)}\n"


def sections(table: TableResult) -> list[tuple[str, pd.DataFrame]]:
    """List the tables that follow the main one, without the empty ones."""
    of_all = set_metrics.of_all_images(table.metric)
    frames = [
        ("Quality at kept diversity", front.best_frame(table)),
        ("Claims", claims_frame(table)),
        ("What it takes to decide", outlook_frame(table)),
        ("All metrics" if of_all else "By task", tasks_frame(table)),
        ("Diversity", diversity_columns.frame(table)),
        ("Novel compositions", novelty_frame(table)),
        ("Published", published_frame(table)),
        (EVERY_RUN, seeds_frame(table)),
    ]
    return [(title, frame) for title, frame in frames if len(frame)]


def table_latex(table: TableResult) -> str:
    """Write main table and claims as two LaTeX floats."""
    text = to_latex(main_frame(table), table.caption, table.name, bold_cells(table))
    if table.claims:
        text += "\n" + to_latex(claims_frame(table), f"{table.caption}: claims", f"{table.name}-claims")
    return text


def _pipes(frame: pd.DataFrame, bold: Collection[tuple[int, str]] = ()) -> str:
    escaped = frame.map(lambda cell: markdown(str(cell)))
    for row, column in bold:
        escaped.at[row, column] = f"**{escaped.at[row, column]!s}**"
    escaped.columns = [markdown(str(name)) for name in frame.columns]
    return escaped.to_markdown(index=False, disable_numparse=True)
