"""The pictures of a study. The history is ours, for it shows intervals and levels; all others are Optuna's own.

Equal studies give equal bytes.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import optuna
from matplotlib.figure import Figure
from optuna.distributions import CategoricalDistribution
from optuna.trial import create_trial
from optuna.visualization import matplotlib as drawn_by_optuna

from fpd_bench import metrics
from fpd_bench.config.searches.search_axes import Subset
from fpd_bench.config.searches.search_spec import Search
from fpd_bench.reporting import user_text
from fpd_bench.searching.board import directions
from fpd_bench.searching.encoding import distributions, encoded
from fpd_bench.searching.estimates import Estimated
from fpd_bench.searching.history import as_text
from fpd_bench.searching.study import directions_of, quiet

INK, QUIET, BEST = "#1f5fa8", "#8a8f98", "#c2571a"
DPI = 130
CROWDED = 8  # labels of an axis that stand beside each other
LEAST = 4  # trials that a picture of relations needs


@dataclass(frozen=True)
class StudyFigure:
    """A figure of a study. path: of its PNG, None if it cannot be drawn, with the reason."""

    caption: str
    path: Path | None
    reason: str = ""


def draw(search: Search, found: Sequence[Estimated], folder: Path) -> list[StudyFigure]:
    """Draw each figure that the study's trials can give, into `folder`."""
    complete = [one for one in found if not one.level.step]
    drawn = [StudyFigure("History", history(search, found, folder / "history.png"))]
    for name, caption, make in _of_relations(search, complete):
        drawn.append(_by_optuna(caption, make, folder / f"{name}.png", len(complete)))
    return drawn


def _of_relations(search: Search, found: Sequence[Estimated]) -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """Give (file name, caption, what draws it) of each figure that Optuna makes for such a search."""
    yield "importances", "Importances", lambda: _importances(search, found)
    draw_parallel = drawn_by_optuna.plot_parallel_coordinate
    yield "parallel", "Parallel coordinates", lambda: draw_parallel(_optuna_study(search, found))
    fields = [one.field for one in search.space][:2]
    if len(fields) == 2:
        yield "contour", f"Contour of {fields[0]} and {fields[1]}", lambda: _contour(search, found, fields)
    names = list(search.file.objectives)
    if len(names) in (2, 3):
        draw_front = drawn_by_optuna.plot_pareto_front
        yield "pareto", "Pareto front", lambda: draw_front(_all_of(search, found), target_names=names)


def history(search: Search, found: Sequence[Estimated], path: Path) -> Path:
    """Give each trial's value with its interval, and the best so far of those with most seeds."""
    figure = Figure(figsize=(8.6, 3.6), layout="constrained")
    axes = figure.subplots()
    most = max((one.seeds for one in found), default=1)
    for seeds in sorted({one.seeds for one in found}):
        mine = [one for one in found if one.seeds == seeds]
        middle = np.array([one.score.value for one in mine])
        ends = np.array([[one.score.value - one.score.low, one.score.high - one.score.value] for one in mine]).T
        ends = np.where(np.isfinite(ends), np.maximum(ends, 0.0), 0.0)
        colour = INK if seeds == most else QUIET
        label = f"{seeds} seed{'s' if seeds > 1 else ''} (95% interval{'' if seeds > 1 else ', prompts only'})"
        numbers = [one.trial.number for one in mine]
        axes.errorbar(numbers, middle, yerr=ends, fmt="o", ms=3.5, lw=0.9, color=colour, label=label)
    way = directions(search)[0]
    line: list[float] = []
    for one in found:
        before = line[-1] if line else -np.inf
        line.append(max(before, way * one.score.value) if one.seeds == most and not one.level.step else before)
    numbers = [one.trial.number for one in found]
    best = way * np.where(np.isfinite(line), line, np.nan)
    axes.plot(numbers, best, color=BEST, lw=1.2, label="best so far")
    axes.set(xlabel="trial", ylabel=user_text.figure(metrics.get_or_plain(search.file.metric).heading))
    axes.grid(axis="y", color="#e4e6ea", linewidth=0.8)
    axes.legend(frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI)
    return path


def _importances(search: Search, found: Sequence[Estimated]) -> Any:
    study = _study(search, found, lambda one: encoded(search, one.trial.params), one_objective=True)
    return drawn_by_optuna.plot_param_importances(study)


def _optuna_study(search: Search, found: Sequence[Estimated]) -> optuna.Study:
    """Give the study with each set as one word, which is how people read it."""
    laws: dict[str, Any] = {}
    for one in search.space:
        if isinstance(one.axis, Subset):
            sets = sorted({as_text(e.trial.params[one.field]) for e in found if one.field in e.trial.params})
            laws[one.field] = CategoricalDistribution(sets or ["-"])
        else:
            laws |= distributions(one)

    def viewed(one: Estimated) -> tuple[dict[str, Any], dict[str, Any]]:
        params = {name: as_text(v) if isinstance(v, list) else v for name, v in one.trial.params.items()}
        return params, {name: laws[name] for name in params}

    return _study(search, found, viewed, one_objective=True)


def _all_of(search: Search, found: Sequence[Estimated]) -> optuna.Study:
    return _study(search, found, lambda one: encoded(search, one.trial.params), one_objective=False)


def _study(
    search: Search, found: Sequence[Estimated], form: Callable[[Estimated], Any], one_objective: bool
) -> optuna.Study:
    ways = directions_of(search)
    with quiet():
        study = optuna.create_study(directions=ways[:1] if one_objective else ways)
        study.set_metric_names(list(search.file.objectives)[: 1 if one_objective else None])
    for one in found:
        params, laws = form(one)
        values = list(one.values[:1] if one_objective else one.values)
        study.add_trial(create_trial(params=params, distributions=laws, values=values))
    return study


def _contour(search: Search, found: Sequence[Estimated], fields: list[str]) -> Any:
    axes: Any = drawn_by_optuna.plot_contour(_optuna_study(search, found), params=fields)
    if len(axes.get_xticks()) > CROWDED:
        axes.tick_params(axis="x", labelrotation=45)
    return axes


def _by_optuna(caption: str, make: Callable[[], Any], path: Path, trials: int) -> StudyFigure:
    """Draw and save one of Optuna's pictures, or say why it cannot be drawn from these trials."""
    if trials < LEAST:
        return StudyFigure(caption, None, f"This figure needs {LEAST} trials with complete runs; there are {trials}.")
    with quiet(), warnings.catch_warnings(action="ignore"), plt.rc_context():
        try:
            axes = make()
        except (ValueError, RuntimeError, ZeroDivisionError) as error:  # of equal values, or of one value only
            return StudyFigure(caption, None, f"Optuna cannot draw it from these trials: {error}")
        first = axes if hasattr(axes, "figure") else np.asarray(axes).flat[0]
        first.figure.set_size_inches(8.6, 4.6)
        first.figure.savefig(path, dpi=DPI, bbox_inches="tight")
        plt.close("all")
    return StudyFigure(caption, path)
