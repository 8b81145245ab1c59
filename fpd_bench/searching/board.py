"""What the trials have reached: their values, level by level. A level is some seeds at some step of the training.

A trial's value at a level never changes once it is there, so everything decided from it is decided again alike.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from fpd_bench import metrics
from fpd_bench.config.searches.search_file import COSTS
from fpd_bench.config.searches.search_spec import Search
from fpd_bench.records.layout import PAUSE
from fpd_bench.records.run_status import has_result
from fpd_bench.searching.answered_runs import ValidationRun, need_validation
from fpd_bench.searching.history import Trial
from fpd_bench.searching.variety import Variety
from fpd_bench.store.query import Store

DIVERSITY = "diversity"  # the limit from below that every search has
SERIES = {"step_s": "seconds/step", "memory_gb": "memory_gb"}  # costs that the training log has


@dataclass(frozen=True)
class RaceLevel:
    """The first `seeds` of the search, trained to `step`; step 0 = to the end."""

    seeds: int
    step: int = 0

    def __str__(self) -> str:
        return f"step {self.step}" if self.step else f"{self.seeds} seed{'s' if self.seeds > 1 else ''}"


def levels(search: Search) -> list[RaceLevel]:
    """List the levels, cheapest first: one seed paused at each of race.steps, then whole runs of 1, 2, ... seeds."""
    paused = [RaceLevel(1, step) for step in search.race.steps]
    return [*paused, *(RaceLevel(count) for count in range(1, len(search.seeds) + 1))]


def directions(search: Search) -> list[int]:
    """Give 1 where more is better, -1 where less is, of each objective."""
    return [-1 if name in COSTS else metrics.get(name).sign for name in search.file.objectives]


class Board:
    """Values of the objectives and costs of the runs of some trials, read once."""

    def __init__(self, search: Search, store: Store, trials: Sequence[Trial]):
        need_validation([run for trial in trials for run in trial.runs.values()])
        self.search, self.levels = search, levels(search)
        self._metrics: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
        wanted = {run.run_id for trial in trials for run in trial.runs.values()}
        for name in search.file.objectives:
            if name not in COSTS:
                rows = store.frame("metrics", metric=name)
                found = zip(rows.run_id.tolist(), rows.suite.tolist(), rows.value.tolist(), strict=True)
                for run_id, suite, value in found:
                    if run_id in wanted:
                        self._metrics[name][run_id][suite] = value
        self.variety = Variety(search, store, wanted)
        costs = {*search.file.objectives, *search.file.limits} & {*COSTS}
        self._costs = {name: self._cost(store, name) for name in costs}

    def _cost(self, store: Store, name: str) -> dict[str, float]:
        if name not in SERIES:
            return {}
        found = store.frame("series", name=SERIES[name]).groupby("run_id").value
        means = found.max() if name == "memory_gb" else found.median()
        return {str(run_id): float(value) for run_id, value in means.items()}

    def suite(self, run: ValidationRun) -> str | None:
        """Give the suite that the finished run has answered, the first by name as in tables."""
        found = self._metrics[self.search.file.metric][run.run_id]
        return next((name for name in sorted(found) if PAUSE not in name), None)

    def values(self, trial: Trial, level: RaceLevel) -> tuple[float, ...] | None:
        """Give the objectives, each a mean over the level's seeds; None unless all of its runs are that far."""
        runs = [trial.runs.get(seed) for seed in self.search.seeds[: level.seeds]]
        found = [self._of_run(run, level.step) if run else None for run in runs]
        numbers = [one for one in found if one is not None]
        if len(numbers) < len(runs):
            return None
        return tuple(fmean(column) for column in zip(*numbers, strict=True))

    def _of_run(self, run: ValidationRun, step: int) -> tuple[float, ...] | None:
        need_validation(run)
        numbers = [self._number(run, name, step) for name in self.search.file.objectives]
        found = [one for one in numbers if one is not None]
        return tuple(found) if len(found) == len(numbers) else None

    def _number(self, run: ValidationRun, name: str, step: int) -> float | None:
        """Give one objective of a run; a run that was never paused has its last value at every step."""
        if name in COSTS:
            return self.cost(run, name)
        found = self._metrics[name][run.run_id]
        paused = next((value for suite, value in found.items() if step and suite.endswith(f"{PAUSE}{step}")), None)
        if paused is not None or run.status != "done":
            return paused
        return next((found[suite] for suite in sorted(found) if PAUSE not in suite), None)

    def cost(self, run: ValidationRun, name: str) -> float | None:
        """Say what the run has cost; None where it does not say."""
        found = run.run.seconds if name == "run_s" else self._costs[name].get(run.run_id)
        return found if found is not None and math.isfinite(found) else None

    def over(self, trial: Trial) -> dict[str, float]:
        """Give {limit: by how much the trial exceeds it}; 0 or less is within, and so is a cost nobody noted. The
        teacher's diversity is a limit from below."""
        found = {}
        for name, most in self.search.file.limits.items():
            costs = [cost for run in trial.runs.values() if (cost := self.cost(run, name)) is not None]
            found[name] = max(costs, default=most) - most
        if self.variety.teacher is not None:
            least, kept = self.search.file.diversity, self.kept(trial)
            found[DIVERSITY] = 0.0 if kept is None else least - kept
        return found

    def kept(self, trial: Trial) -> float | None:
        """Give the share of the teacher's diversity that the trial keeps; None where that is unknown."""
        return self.variety.kept([run.run_id for run in trial.runs.values()])

    def collapsed(self, trial: Trial) -> bool:
        """Say whether the trial keeps too little of the teacher's diversity to win."""
        return self.over(trial).get(DIVERSITY, 0.0) > 0

    def feasible(self, trial: Trial) -> bool:
        """Say whether the trial keeps all limits."""
        return all(excess <= 0 for excess in self.over(trial).values())

    def highest(self, trial: Trial) -> RaceLevel | None:
        """Give the highest level that the trial has reached."""
        return next((level for level in reversed(self.levels) if self.values(trial, level) is not None), None)

    def lost(self, trial: Trial, level: RaceLevel) -> bool:
        """Say whether a run of this level has ended without a value: it diverged."""
        runs = [trial.runs.get(seed) for seed in self.search.seeds[: level.seeds]]
        return any(run is not None and has_result(run.status) and self._of_run(run, level.step) is None for run in runs)
