"""Quality against cost: steps of a sample, training steps, FLOPs of the training or the measured time of a run."""

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fpd_bench import metrics, registry
from fpd_bench.reporting import user_text
from fpd_bench.reporting.figures.figure_style import bar_ends, save, write_title
from fpd_bench.reporting.figures.line_styles import line_style
from fpd_bench.reporting.model import RowResult, TableResult
from fpd_bench.store.query import Store

LABEL = 38  # letters of a line of a label
NARROWEST = 0.25  # span of an axis of costs, as a share of the largest: less would show noise as a difference


def cost(table: TableResult, store: Store, stem: Path) -> Path | None:
    """Draw each row's score against steps of a sample, training steps and what a run costs (means over seeds): FLOPs of
    its training where they are counted, else its measured minutes.

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
    counted = _counted([table.rows[n] for n, *_ in points])
    against |= dict([counted or _measured([minutes for *_, minutes in points])])
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
            _count_steps(axes)
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


def _counted(rows: list[RowResult]) -> tuple[str, list[float]] | None:
    """Return the axis' name and FLOPs of the trainings, 0 for what is not trained; None if one is not known."""
    costs = [row.cost for row in rows]
    if not any(costs) or any(cost and cost.flops is None for cost in costs):
        return None
    return "Training, TFLOP (counted)", [(cost.flops or 0) * cost.steps / 1e12 if cost else 0.0 for cost in costs]


def _measured(minutes: list[float]) -> tuple[str, list[float]]:
    """Return the axis' name and values of measured costs: in seconds where all are short."""
    if max(minutes) < 2:
        return "Seconds a run, measured", [60 * one for one in minutes]
    return "Minutes a run, measured", minutes


def steps(table: TableResult, store: Store, stem: Path) -> Path | None:
    """Draw scores against steps of a sample, a line for each method of a front; None unless one has several."""
    runs = store.runs([seed.run_id for row in table.rows for seed in row.seeds])
    lines: dict[str, list[tuple[int, RowResult]]] = {}
    for row in table.rows if table.front else []:
        if row.score and row.seeds[0].run_id in runs:
            method = row.extra_columns.get(table.front, row.label)
            lines.setdefault(method, []).append((_sample_steps(runs[row.seeds[0].run_id].config), row))
    if not any(len({count for count, _ in line}) > 2 for line in lines.values()) or _drawn_twice(lines):
        return None
    figure = Figure(figsize=(7.2, 4.2 + 0.2 * -(-len(lines) // 3)), layout="constrained")
    axes = figure.subplots()
    for n, (method, line) in enumerate(lines.items()):
        line.sort(key=lambda point: point[0])
        scores = [row.score for _, row in line if row.score]
        label = textwrap.fill(user_text.figure(method), LABEL)
        places, heights = [count for count, _ in line], [score.value for score in scores]
        axes.errorbar(places, heights, yerr=bar_ends(scores), capsize=2, linewidth=1, label=label, **line_style(n))
    _count_steps(axes)
    axes.set(xlabel=SAMPLE, ylabel=f"{metrics.get_or_plain(table.metric).heading} score")
    axes.grid(color="#e4e6ea", linewidth=0.8)
    axes.set_axisbelow(True)
    write_title(figure, table)
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return save(figure, stem)


def _drawn_twice(lines: dict[str, list[tuple[int, RowResult]]]) -> bool:
    """Say whether a method has two rows of one number of steps, which no line can join."""
    return any(len({count for count, _ in line}) < len(line) for line in lines.values())


def _count_steps(axes: Axes) -> None:
    """Put steps on an axis where each double has the same width."""
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda count, _: f"{count:g}")


def _widen(axes: Axes, places: list[float]) -> None:
    """Give an axis of costs room where all are about the same; points that are far apart choose their own."""
    low, high = min(places), max(places)
    if high - low < NARROWEST * high:
        middle, half = (low + high) / 2, NARROWEST * high / 2
        axes.set_xlim(middle - 1.1 * half, middle + 1.1 * half)
