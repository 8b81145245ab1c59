"""Has a trial collapsed? How much its pictures of a prompt differ, as a share of what the teacher's do.

GenEval does not see collapse: one good picture for each prompt scores as its teacher's many do. So a trial below the
search's `diversity`, by default the half of the teacher's by which reports call a row collapsed, does not climb and
cannot win. The teacher is one run of its own sampler, as shipped, on the trials' prompts and first seed.
"""

from collections.abc import Collection
from dataclasses import replace
from statistics import fmean

from fpd_bench import metrics
from fpd_bench.config.identity import run_id, trains
from fpd_bench.config.schema import EvaluationConfig, RunConfig
from fpd_bench.config.searches.search_spec import Search
from fpd_bench.config.sweeps.cells import Cell, Row, Table
from fpd_bench.config.sweeps.metric_check import evaluations
from fpd_bench.records.layout import PAUSE
from fpd_bench.registry import TEACHER
from fpd_bench.reporting.diversity_columns import LEAST, MAIN, share
from fpd_bench.store.query import Store


def measure(search: Search) -> str | None:
    """Name the metric of diversity that trials are held to; None where the track has none, or none is asked for."""
    base = search.base
    if not search.file.diversity or not trains(base) or base.evaluation.images_per_prompt < 2:
        return None
    given = set(evaluations(base) or ())
    return next((name for name in MAIN if given & set(metrics.get_or_plain(name).evaluations)), None)


def sentence(search: Search) -> str:
    """Say what is done about collapse."""
    name = measure(search)
    if name is None:
        return "Diversity is not watched: a trial with one picture for each prompt can win."
    return (
        f"A trial that keeps less than {search.file.diversity:.0%} of the teacher's diversity ('{name}', one run more) "
        "has collapsed: it cannot win."
    )


def reference(search: Search) -> Table | None:
    """Give the teacher's run, as a table of its own; None where diversity is not watched."""
    if measure(search) is None:
        return None
    config = _teacher(search)
    cell = Cell(TEACHER, TEACHER, config.seed, config, run_id(config))
    return Table(TEACHER, "The teacher's diversity", (Row(TEACHER, "Teacher", {}),), None, (), (cell,))


def _teacher(search: Search) -> RunConfig:
    base = search.base
    asked = EvaluationConfig(split=base.evaluation.split, images_per_prompt=base.evaluation.images_per_prompt)
    return RunConfig(
        track=replace(base.track),
        method=TEACHER,
        seed=search.seeds[0],
        evaluation=asked,
        execution=replace(base.execution),
    )


class Variety:
    """The diversity of runs beside the teacher's, read once."""

    def __init__(self, search: Search, store: Store, runs: Collection[str]):
        self.measure = measure(search)
        self._numbers: dict[str, dict[str, float]] = {}
        self.teacher: float | None = None
        if self.measure is None:
            return
        rows = store.frame("metrics", metric=self.measure)
        teacher = run_id(_teacher(search))
        for run, suite, value in zip(rows.run_id.tolist(), rows.suite.tolist(), rows.value.tolist(), strict=True):
            if run in runs or run == teacher:
                self._numbers.setdefault(run, {})[suite] = value
        self.teacher = self._of_run(teacher)

    def kept(self, runs: Collection[str]) -> float | None:
        """Give the share of the teacher's diversity, a mean over the runs that say; None if none does, or the teacher
        does not."""
        numbers = [value for run in runs if (value := self._of_run(run)) is not None]
        if self.measure is None or self.teacher is None or not numbers:
            return None
        return share(fmean(numbers), self.teacher, LEAST[self.measure])

    def _of_run(self, run: str) -> float | None:
        """Give the run's number at its end, or else where it has paused last."""
        found = self._numbers.get(run, {})
        whole = [suite for suite in sorted(found) if PAUSE not in suite]
        paused = sorted(found, key=lambda suite: int(suite.rpartition(PAUSE)[2])) if found and not whole else []
        return found[(whole[:1] or paused[-1:])[0]] if found else None
