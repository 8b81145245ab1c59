"""The pictures of a study. The history is ours, for it shows intervals and levels; all others are Optuna's own.

Each gives the PNG's path, or the reason why there is none. Equal studies give equal bytes.
"""

import warnings
from collections.abc import Callable, Sequence
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
from fpd_bench.config.search_axes import Subset
from fpd_bench.config.search_spec import Search
from fpd_bench.reporting import user_text
from fpd_bench.searching.board import directions
from fpd_bench.searching.encoding import distributions, encoded
from fpd_bench.searching.estimates import Estimated
from fpd_bench.searching.history import as_text
from fpd_bench.searching.study import directions_of, quiet

INK, QUIET, BEST = "#1f5fa8", "#8a8f98", "#c2571a"
DPI = 130
LEAST = 4  # trials that a picture of relations needs


def draw(search: Search, found: Sequence[Estimated], folder: Path) -> dict[str, Path | str]:
    """Give {caption: PNG, or why there is none}."""
    complete = [one for one in found if not one.level.step]
    pictures: dict[str, Path | str] = {"History": history(search, found, folder / "history.png")}
    fields = [one.field for one in search.space]
    makers: dict[str, Callable[[], Any]] = {
        "Importances": lambda: _importances(search, complete),
        "Parallel coordinates": lambda: drawn_by_optuna.plot_parallel_coordinate(_optuna_study(search, complete)),
    }
    if len(fields) > 1:
        name = f"Contour of {fields[0]} and {fields[1]}"
        makers[name] = lambda: drawn_by_optuna.plot_contour(_optuna_study(search, complete), params=fields[:2])
    if len(search.file.objectives) in (2, 3):
        names = list(search.file.objectives)
        makers["Pareto front"] = lambda: drawn_by_optuna.plot_pareto_front(
            _all_of(search, complete), target_names=names
        )
    for caption, make in makers.items():
        pictures[caption] = _kept(make, folder / f"{caption.split()[0].lower()}.png", len(complete))
    return pictures


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


def _kept(make: Callable[[], Any], path: Path, trials: int) -> Path | str:
    """Draw and save one of Optuna's pictures; the reason, where it cannot be drawn from these trials."""
    if trials < LEAST:
        return f"This figure needs {LEAST} trials with complete runs; there are {trials}."
    with quiet(), warnings.catch_warnings(action="ignore"), plt.rc_context():
        try:
            axes = make()
        except (ValueError, RuntimeError, ZeroDivisionError) as error:  # of equal values, or of one value only
            return f"Optuna cannot draw it from these trials: {error}"
        first = axes if hasattr(axes, "figure") else np.asarray(axes).flat[0]
        first.figure.set_size_inches(8.6, 4.6)
        first.figure.savefig(path, dpi=DPI, bbox_inches="tight")
        plt.close("all")
    return path
