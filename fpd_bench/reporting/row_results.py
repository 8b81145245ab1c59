"""A row's runs as numbers. Rows are complete or they have no mean: a missing, diverged or unequal run is named, never
averaged away."""

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fpd_bench import metrics
from fpd_bench.errors import ConfigError, UnknownName
from fpd_bench.evals import statistics
from fpd_bench.evals.statistics import Scores
from fpd_bench.reporting import set_metrics
from fpd_bench.reporting.model import Novelty, RowResult, SeedResult
from fpd_bench.store.query import Store
from fpd_bench.store.score_arrays import RunScores

if TYPE_CHECKING:
    from fpd_bench.config.sweeps.spec import Cell, Row, Table


NOVEL = "novel"  # in the detail of an item: the suite itself says so


class RowMaker:
    """Makes the rows of a table from what the index holds of its runs; asks the index once.

    suite: the one the table speaks of, the first by name if its runs have several; protocols: {id: protocol} of the
    numbers of whole sets, empty for a metric of items.
    """

    def __init__(self, table: "Table", metric: str, store: Store):
        self._metric, self._store, self._cells = metric, store, table.cells
        self.run_ids = list(dict.fromkeys(cell.run_id for cell in table.cells))
        self._statuses = store.statuses(self.run_ids)
        self.suite = next(iter(store.suites(self.run_ids)), None)
        self.protocols: dict[str, dict[str, Any]] = {}
        if set_metrics.of_all_images(metric):
            self._numbers, self.protocols = set_metrics.numbers_of(store, self.run_ids, self.suite or "")
        else:
            self._scored = store.score_arrays(self.run_ids, self.suite) if self.suite else {}

    def __call__(self, row: "Row", cells: dict[int, "Cell"]) -> RowResult:
        """Make the row of these cells, {seed: cell}. Raises UnknownName if its suite has no such metric."""
        if set_metrics.of_all_images(self._metric):
            result = set_metrics.row_result(row, cells, self._statuses, self._numbers, self._metric)
        else:
            result = self._of_items(row, cells)
        result.numbers, result.extra_columns = row.numbers, row.shown
        result.state = _state(result.seeds) if result.state == "ok" else result.state
        if result.scores is not None:
            self._measure(result)
        return result

    def _of_items(self, row: "Row", cells: dict[int, "Cell"]) -> RowResult:
        seeds: list[SeedResult] = []
        scored: dict[int, RunScores] = {}
        for seed, cell in sorted(cells.items()):
            status = self._statuses.get(cell.run_id, "missing")
            value = None
            if status == "done" and cell.run_id in self._scored:
                scored[seed] = self._scored[cell.run_id]
                alone = _collect({seed: scored[seed]}, row.label)
                value = float(_select(alone, self._metric).per_seed[0])
            seeds.append(SeedResult(seed, cell.run_id, status, value))
        result = RowResult(row.id, row.label, row.published, seeds, _state(seeds))
        if result.state == "ok":
            try:
                result.scores = _collect(scored, row.label)
            except ConfigError:
                result.state = "unequal images"
        return result

    def _measure(self, row: RowResult) -> None:
        """Fill the row's score, its tasks and what is novel in it."""
        full = row.scores
        assert full is not None
        row.scores = _select(full, self._metric)
        row.score = statistics.score(row.scores)
        for task in metrics.ordered(full.tasks):
            row.tasks[task] = statistics.score(full.of_task(task))
        row.novelty = _novelty(full, self._novel.get(row.seeds[0].run_id, set()))

    @cached_property
    def _novel(self) -> dict[str, set[str]]:
        """List the prompts that each row's first run calls novel: its other runs have the same suite."""
        first: dict[str, Cell] = {}
        for cell in sorted(self._cells, key=lambda cell: cell.seed, reverse=True):
            first[cell.row_id] = cell
        return self._store.items_marked([cell.run_id for cell in first.values()], str(self.suite), NOVEL)


def cells_by_seed(table: "Table", row: "Row") -> dict[int, "Cell"]:
    """List {seed: cell} of a row. Raises ConfigError if it has two runs for a seed."""
    cells: dict[int, Cell] = {}
    for cell in table.cells:
        if cell.row_id != row.id:
            continue
        if cell.seed in cells and cells[cell.seed].run_id != cell.run_id:
            raise ConfigError(
                f"Row '{row.id}' of table '{table.id}' selects runs {cells[cell.seed].run_id} and {cell.run_id} for "
                f"seed {cell.seed}. Narrow its `where` to one cell per seed."
            )
        cells[cell.seed] = cell
    return cells


def _collect(runs: dict[int, RunScores], label: str) -> Scores:
    """Collect {seed: scores} of a row. Raises ConfigError if the seeds were not scored on the same images."""
    first = next(iter(runs.values())).items
    if first.shape is None or any(run.items != first for run in runs.values()):
        return Scores.collect({seed: run.by_key() for seed, run in runs.items()}, first.tasks, label)
    seeds = tuple(sorted(runs))
    values = np.stack([runs[seed].values.reshape(first.shape) for seed in seeds])
    return Scores(values, seeds, tuple(first.tasks), tuple(first.tasks.values()))


def _state(seeds: list[SeedResult]) -> str:
    """Say ok, or what is wrong with how many of the row's runs."""
    counts = Counter(seed.status for seed in seeds if seed.score is None)
    diverged = counts.pop("diverged", 0)
    reasons = [f"diverged ({diverged} of {len(seeds)})"] if diverged else []
    if missing := sum(counts.values()):
        seen = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()) if status != "missing")
        reasons.append(f"missing ({missing} of {len(seeds)}{': ' + seen if seen else ''})")
    return ", ".join(reasons) or ("ok" if seeds else "published only")


def _select(scores: Scores, metric: str) -> Scores:
    if metric == metrics.OVERALL:
        return scores
    if metric not in scores.tasks:
        raise UnknownName("metric", metric, {metrics.OVERALL, *scores.tasks}, "the sweep")
    return scores.of_task(metric)


def _novelty(scores: Scores, novel: set[str]) -> Novelty | None:
    """Compare novel with known items within the tasks that have both: elsewhere there is nothing to compare."""
    first = scores.of_prompts(novel)
    rest = scores.of_prompts(set(scores.prompts) - novel)
    tasks = set(first.tasks) & set(rest.tasks)
    if not tasks:
        return None
    chosen = {prompt for prompt, task in zip(scores.prompts, scores.tasks, strict=True) if task in tasks}
    a, b = first.of_prompts(chosen), rest.of_prompts(chosen)
    return Novelty(statistics.score(a), statistics.score(b), statistics.gap(a, b), tuple(metrics.ordered(a.tasks)))
