"""A study's page in reports/: what was tried and what it gave, with intervals; best.yaml and trials.csv beside it."""

import tempfile
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from fpd_bench import __version__, metrics
from fpd_bench.config.searches.search_spec import Search
from fpd_bench.reporting.pages.index_page import CSS
from fpd_bench.reporting.results import file_name
from fpd_bench.reporting.user_text import markdown
from fpd_bench.reporting.write import explain_disk_errors, make_writable
from fpd_bench.searching import samplers
from fpd_bench.searching.best_file import best_yaml
from fpd_bench.searching.estimates import Estimated, estimated, seconds_spent
from fpd_bench.searching.history import as_text
from fpd_bench.searching.racing import pareto_front
from fpd_bench.searching.study_look import Look
from fpd_bench.searching.variety import measure, sentence
from fpd_bench.searching.winner_worth import WinnerWorth, score_text

if TYPE_CHECKING:
    from fpd_bench.searching.study_figures import StudyFigure

TOP = 10  # trials in the table of the best


def write_study(search: Search, seen: Look, found: WinnerWorth | None, out: Path) -> list[Path]:
    """Write index.html, index.md, trials.csv, figures/ and, with a winner, best.yaml into the study's folder of `out`.

    All of it or none, as reports are. Raises ConfigError if it cannot be written.
    """
    from fpd_bench.searching.study_figures import draw  # matplotlib takes longer to import than all the rest

    trials = estimated(search, seen)
    folder = out / file_name(search.file.name, search.profile)
    with explain_disk_errors(out), tempfile.TemporaryDirectory(prefix=".report-", dir=make_writable(out)) as name:
        part = Path(name)
        figures = draw(search, trials, part / "figures")
        frames = _frames(search, seen, trials)
        _write(part / "trials.csv", _all_frame(search, trials).to_csv(index=False))
        _write(part / "index.html", _html(search, seen, trials, found, frames, figures, part))
        _write(part / "index.md", _markdown(search, seen, trials, found, frames, figures, part))
        if found:
            _write(part / "best.yaml", best_yaml(search, found.trial))
        written = []
        for path in sorted(part.rglob("*.*")):
            target = folder / path.relative_to(part)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
            written.append(target)
    return written


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _all_frame(search: Search, trials: list[Estimated]) -> pd.DataFrame:
    """Give every trial, a line each."""
    rows = []
    for one in trials:
        row = {"trial": one.trial.number, "level": str(one.level), "value": f"{one.score.value:.6g}"}
        row |= {"low": f"{one.score.low:.6g}", "high": f"{one.score.high:.6g}"}
        row |= {name: f"{value:.6g}" for name, value in zip(search.file.objectives[1:], one.values[1:], strict=True)}
        row |= {dim.field: as_text(one.trial.params.get(dim.field, "")) for dim in search.space}
        row |= {"diversity_kept": "" if one.kept is None else f"{one.kept:.3f}"}
        row |= {"within_limits": one.feasible, "seconds": f"{one.seconds:.1f}"}
        rows.append(row | {"runs": " ".join(run.run_id for run in one.trial.runs.values())})
    return pd.DataFrame(rows)


def _frames(search: Search, seen: Look, trials: list[Estimated]) -> dict[str, pd.DataFrame]:
    way = metrics.get(search.file.metric).sign
    best = sorted(trials, key=lambda one: (-one.seeds, bool(one.level.step), -way * one.score.value, one.trial.number))
    found = {f"The best {TOP} trials, most seeds first": _short(search, best[:TOP])}
    if len(search.file.objectives) > 1:
        front = {trial.number for trial in pareto_front(search, seen.trials, seen.board)}
        found["Pareto front"] = _short(search, [one for one in trials if one.trial.number in front])
    return found


def _short(search: Search, trials: list[Estimated]) -> pd.DataFrame:
    rows = []
    for one in trials:
        row = {
            "Trial": str(one.trial.number),
            **{dim.field: as_text(one.trial.params.get(dim.field, "-")) for dim in search.space},
        }
        row |= {metrics.get_or_plain(search.file.metric).heading: score_text(one.score), "Level": str(one.level)}
        row |= {name: f"{value:.4g}" for name, value in zip(search.file.objectives[1:], one.values[1:], strict=True)}
        rows.append(row)
    return pd.DataFrame(rows)


def _facts(search: Search, seen: Look, trials: list[Estimated]) -> list[str]:
    runs = sum(len(trial.runs) for trial in seen.trials)
    hours = seconds_spent(seen.trials) / 3600
    collapsed = sum(map(seen.board.collapsed, seen.trials))
    limits = [f"{name} at most {most:g}" for name, most in search.file.limits.items()]
    return [
        (
            f"Budget spent: {len(seen.trials)} of {search.trials} trials, {runs} runs, {hours:.2f} hours of one "
            f"worker; {sum(bool(one.level.step) for one in trials)} trials ended at a pause."
        ),
        (
            f"Sampler {samplers.chosen(search)}, {search.parallel} trials at once. At each level the best "
            f"1/{search.race.keep} of the trials go on, unless Wilcoxon's test on paired prompts stops them (p < "
            f"{search.race.p:g})."
        ),
        (
            "Trials see validation prompts and the search's own seeds, so the best value is optimistic; the "
            "confirmed value is measured on new seeds and test prompts, by the test that the tables use."
        ),
        *([f"Limits: {', '.join(limits)}."] if limits else []),
        sentence(search) + (f" {collapsed} of {len(seen.trials)} trials have." if measure(search) else ""),
        *(f"Searched: {one}" for one in search.space),
    ]


def _worth(found: WinnerWorth | None) -> str:
    return "\n".join(found.lines()) if found else "No trial has seen all seeds yet."


def _html(
    search: Search,
    seen: Look,
    trials: list[Estimated],
    found: WinnerWorth | None,
    frames: dict[str, pd.DataFrame],
    figures: "list[StudyFigure]",
    folder: Path,
) -> str:
    facts = "".join(f"<li>{escape(line)}</li>" for line in _facts(search, seen, trials))
    body = [f"<section><h2>What the winner is worth</h2><pre>{escape(_worth(found))}</pre></section>"]
    for title, frame in frames.items():
        table = frame.to_html(index=False, border=0, escape=True)
        body.append(f'<section><h2>{escape(title)}</h2><div class="wide">{table}</div></section>')
    for figure in figures:
        caption = escape(figure.caption)
        inside = (
            f'<img src="{figure.path.relative_to(folder).as_posix()}" alt="{caption}">'
            if figure.path
            else f'<p class="meta">{escape(figure.reason)}</p>'
        )
        body.append(f"<section><h2>{caption}</h2>{inside}</section>")
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escape(search.file.title)}</title>'
        f"<style>{CSS}pre {{ overflow-x: auto; }}</style></head>\n<body>\n<header><h1>{escape(search.file.title)}</h1>"
        f'<ul class="notes">{facts}</ul><nav><a href="trials.csv">trials.csv</a>'
        f"{'<a href=best.yaml>best.yaml</a>' if found else ''}</nav></header>\n<main>\n{''.join(body)}\n</main>\n"
        f"<footer>{escape(_footer(search, seen))}</footer>\n</body>\n</html>\n"
    )


def _markdown(
    search: Search,
    seen: Look,
    trials: list[Estimated],
    found: WinnerWorth | None,
    frames: dict[str, pd.DataFrame],
    figures: "list[StudyFigure]",
    folder: Path,
) -> str:
    blocks = [
        f"# {markdown(search.file.title)}",
        "\n".join(f"- {markdown(line)}" for line in _facts(search, seen, trials)),
    ]
    blocks += ["## What the winner is worth", f"```text\n{_worth(found)}\n```"]
    for title, frame in frames.items():
        plain = frame.map(lambda cell: markdown(str(cell)))
        blocks += [f"## {title}", plain.to_markdown(index=False, disable_numparse=True)]
    for figure in figures:
        path = figure.path.relative_to(folder).as_posix() if figure.path else ""
        blocks += [f"## {markdown(figure.caption)}", f"![{figure.caption}]({path})" if path else figure.reason]
    return "\n\n".join([*blocks, _footer(search, seen)]) + "\n"


def _footer(search: Search, seen: Look) -> str:
    runs = [run.run_id for trial in seen.trials for run in trial.runs.values()]
    content = seen.store.results_hash(runs)
    return (
        f"Study {search.name} · hash of the data {content} · fpd-bench {__version__} · the same data give the same "
        "bytes"
    )
