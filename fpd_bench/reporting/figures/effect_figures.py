"""Effects with the published ones marked (a forest plot), and quality against training steps and measured cost."""

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fpd_bench import metrics, registry
from fpd_bench.reporting import user_text
from fpd_bench.reporting.figures.figure_style import OURS, QUIET, bar_ends, save, write_title
from fpd_bench.reporting.figures.line_styles import line_style
from fpd_bench.reporting.figures.published_marks import mark_published
from fpd_bench.reporting.model import TableResult
from fpd_bench.reporting.number_words import claim_text
from fpd_bench.store.query import Store

LABEL = 38  # letters of a line of a label
NARROWEST = 0.25  # span of an axis of costs, as a share of the largest: less would show noise as a difference


def effects(table: TableResult, stem: Path) -> Path | None:
    """Draw our difference of each claim, else of each row to the baseline, with its interval; published as a mark."""
    lines = [(claim_text(one), one.ours.difference, one.published) for one in table.claims if one.ours]
    if not lines:
        lines = [(row.label, row.delta.difference, row.published_delta) for row in table.rows if row.delta]
    if not lines:
        return None
    labels = [textwrap.fill(user_text.figure(label), LABEL) for label, *_ in lines]
    height = sum(0.2 * (label.count("\n") + 1) + 0.24 for label in labels)
    figure = Figure(figsize=(7.2, 1.5 + height), layout="constrained")
    axes = figure.subplots()
    places = range(len(lines))
    ours = [one for _, one, _ in lines]
    drawn: list[Any] = [
        axes.errorbar(
            [one.value for one in ours],
            places,
            xerr=bar_ends(ours),
            fmt="o",
            color=OURS,
            capsize=3,
            label="ours (95% interval)",
        )
    ]
    published = {y: value for y, (*_, value) in enumerate(lines) if value is not None}
    drawn += mark_published(axes, published, [0.0, *(end for one in ours for end in (one.low, one.high))], "published")
    axes.axvline(0, color=QUIET, linewidth=1)
    axes.set_yticks(places, labels)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_xlabel(f"Difference in {metrics.get_or_plain(table.metric).heading}")
    axes.grid(axis="x", color="#e4e6ea", linewidth=0.8)
    axes.set_axisbelow(True)
    write_title(figure, table)
    figure.legend(handles=drawn, loc="outside lower center", ncols=3, frameon=False)
    return save(figure, stem)


def cost(table: TableResult, store: Store, stem: Path) -> Path | None:
    """Draw each row's score against steps of a sample, training steps and measured minutes a run (means over seeds).

    None unless rows differ in the minutes; steps are left out where all rows have the same, since one column of points
    shows nothing. What is not trained here has no training steps.
    """
    runs = store.runs([seed.run_id for row in table.rows for seed in row.seeds])
    points = []
    for n, row in enumerate(table.rows):
        own = [runs[seed.run_id] for seed in row.seeds if seed.run_id in runs]
        if row.score and own:
            steps = [float(np.mean([count(run.config) for run in own])) for count in STEPS.values()]
            points.append((n, row.label, row.score, steps, float(np.mean([run.seconds for run in own])) / 60))
    if len(points) < 2 or len({round(minutes, 3) for *_, minutes in points}) < 2:
        return None
    against = {name: [steps[at] for *_, steps, _ in points] for at, name in enumerate(STEPS)}
    against = {name: places for name, places in against.items() if len(set(places)) > 1}
    against |= dict([_measured([minutes for *_, minutes in points])])
    figure = Figure(figsize=(3.6 + 3.6 * len(against), 3.6 + 0.2 * -(-len(points) // 2) * 1.6), layout="constrained")
    for axes, (name, places) in zip(
        figure.subplots(1, len(against), sharey=True, squeeze=False)[0], against.items(), strict=True
    ):
        handles = [
            axes.errorbar(
                [x],
                [score.value],
                yerr=bar_ends([score]),
                capsize=2,
                **line_style(n) | {"linestyle": "none", "label": textwrap.fill(user_text.figure(label), LABEL)},
            )
            for x, (n, label, score, *_) in zip(places, points, strict=True)
        ]
        axes.set(xlabel=name, ylabel=f"{metrics.get_or_plain(table.metric).heading} score")
        if name == SAMPLE:
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter(lambda steps, _: f"{steps:g}")
        else:
            _widen(axes, places)
        axes.label_outer()
        axes.grid(color="#e4e6ea", linewidth=0.8)
        axes.set_axisbelow(True)
    write_title(figure, table, 95)
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(1 + len(against), len(handles)),
        frameon=False,
        fontsize=8,
    )
    return save(figure, stem)


def _sample_steps(config: dict[str, Any]) -> int:
    """Count the steps in which a run's images are drawn; 1 where the configuration does not say."""
    evaluation, method = config.get("evaluation") or {}, config.get("method")
    if method in registry.generators.in_this_tree:
        return int((config.get("generator") or {}).get("steps") or 1)
    return int(evaluation.get("teacher_steps" if method == registry.TEACHER else "student_steps") or 1)


def _training_steps(config: dict[str, Any]) -> int:
    """Count the updates of a run's student; 0 for what is only sampled."""
    sampled = config.get("method") == registry.TEACHER or config.get("method") in registry.generators.in_this_tree
    return 0 if sampled else int((config.get("optim") or {}).get("steps") or 0)


SAMPLE = "Steps of a sample"
STEPS = {SAMPLE: _sample_steps, "Training steps": _training_steps}  # what is counted in a run's configuration


def _measured(minutes: list[float]) -> tuple[str, list[float]]:
    """Return the axis' name and values of measured costs: in seconds where all are short."""
    if max(minutes) < 2:
        return "Seconds a run, measured", [60 * one for one in minutes]
    return "Minutes a run, measured", minutes


def _widen(axes: Axes, places: list[float]) -> None:
    """Give an axis of costs room where all are about the same; points that are far apart choose their own."""
    low, high = min(places), max(places)
    if high - low < NARROWEST * high:
        middle, half = (low + high) / 2, NARROWEST * high / 2
        axes.set_xlim(middle - 1.1 * half, middle + 1.1 * half)
