"""A trial's value as an estimate: its mean and interval at the highest level it has reached, and what it has cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from fpd_bench import metrics
from fpd_bench.config.searches.search_spec import Search
from fpd_bench.evals import statistics
from fpd_bench.evals.statistics import Estimate, Scores
from fpd_bench.searching.board import RaceLevel
from fpd_bench.searching.history import Trial
from fpd_bench.searching.pruning import suite_of
from fpd_bench.searching.study_look import Look


@dataclass(frozen=True)
class Estimated:
    """A trial, how far it has come, its first objective with a 95% interval, its other objectives, its cost. With one
    seed the interval is about prompts only and says nothing of another training (docs/statistics.md)."""

    trial: Trial
    level: RaceLevel
    score: Estimate
    values: tuple[float, ...]
    seconds: float
    feasible: bool
    kept: float | None  # share of the teacher's diversity

    @property
    def seeds(self) -> int:
        return self.level.seeds


def estimated(search: Search, seen: Look) -> list[Estimated]:
    """Give all trials that have reached any level, in their order."""
    found = []
    for trial in seen.trials:
        level = seen.board.highest(trial)
        values = seen.board.values(trial, level) if level else None
        if level and values:
            seconds = sum(run.run.seconds for run in trial.runs.values())
            score = _score(search, seen, trial, level, values[0])
            found.append(
                Estimated(trial, level, score, values, seconds, seen.board.feasible(trial), seen.board.kept(trial))
            )
    return found


def _score(search: Search, seen: Look, trial: Trial, level: RaceLevel, value: float) -> Estimate:
    name = search.file.metric
    seeds = search.seeds[: level.seeds]
    if metrics.get(name).of_set:
        return statistics.set_metric_score(
            [values[0] for seed in seeds if (values := seen.board.values(_alone(trial, seed, seeds[0]), RaceLevel(1)))]
        )
    scored: dict[int, dict[tuple[str, int], float]] = {}
    tasks: dict[str, str] = {}
    for seed in seeds:
        run = trial.runs[seed]
        rows = seen.store.scores([run.run_id], suite_of(seen.store, seen.board, run, level) or "")
        keys = zip(rows.item_id.tolist(), rows.replicate.tolist(), strict=True)
        scored[seed] = dict(zip(keys, rows.score.tolist(), strict=True))
        tasks |= dict(zip(rows.item_id.tolist(), rows.task.tolist(), strict=True))
    scores = Scores.collect(scored, tasks, trial.label)
    return statistics.score(scores if name == metrics.OVERALL else scores.of_task(name))


def _alone(trial: Trial, seed: int, first: int) -> Trial:
    """Give the trial as if it had been run at this seed only."""
    return Trial(trial.number, trial.params, {first: trial.runs[seed]})


def seconds_spent(found: Sequence[Trial]) -> float:
    """Give of all runs of the trials, in finished stages."""
    return sum(run.run.seconds for trial in found for run in trial.runs.values())
