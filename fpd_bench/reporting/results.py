"""A table's cells as numbers: scores with intervals, paired differences, claims with verdicts. No text, no files.

Rows are complete or they have no mean: a missing, diverged or unequal run is named, never averaged away.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from fpd_bench import metrics
from fpd_bench.config.tracks import hashed_preset
from fpd_bench.errors import ConfigError, UnknownName
from fpd_bench.evals import statistics
from fpd_bench.evals.statistics import Scores
from fpd_bench.reporting import comparisons, outlook, set_metrics
from fpd_bench.reporting.model import Novelty, RowResult, SeedResult, TableResult
from fpd_bench.store.query import Run, Store

if TYPE_CHECKING:
    from fpd_bench.config.spec import Cell, Row, Sweep, Table

LONGEST_NAME = 80  # letters of a file name, to which kinds of pictures and files are added
TEACHER_STEPS = 16  # the paper's teacher, whose score a student should keep


def table_result(sweep: "Sweep", table: "Table", store: Store) -> TableResult:
    """Work out everything the report says of one table. Raises ConfigError if a row has two runs for a seed or the
    metric is unknown."""
    run_ids = list(dict.fromkeys(cell.run_id for cell in table.cells))
    runs = store.runs(run_ids)
    suite = _suite(store, run_ids)
    teachers = _teachers(store, table.cells)
    content = store.results_hash([*run_ids, *teachers])
    protocols: dict[str, dict[str, Any]] = {}
    if set_metrics.of_all_images(sweep.metric):
        numbers, protocols = set_metrics.numbers_of(store, run_ids, suite or "")
        rows = [set_metrics.row_result(row, _cells(table, row), runs, numbers, sweep.metric) for row in table.rows]
    else:
        frames = _per_run(store.scores(run_ids, suite)) if suite else {}
        rows = [_row(row, _cells(table, row), runs, frames, sweep.metric) for row in table.rows]
    for spec, row in zip(table.rows, rows, strict=True):
        row.numbers, row.shown = spec.numbers, spec.shown
        row.state = _state(row.seeds) if row.state == "ok" else row.state
    result = TableResult(
        file_name(sweep.name, table.id),
        sweep.title,
        table.caption,
        sweep.metric,
        sweep.profile,
        suite,
        None,
        rows,
        [],
        content,
    )
    _measure(result, sweep.metric, store)
    pairs = comparisons.Pairs(result)
    comparisons.to_baseline(result, pairs, table.baseline)
    comparisons.mark_best(result, pairs)
    result.claims = comparisons.judge(result, pairs, table.claims)
    outlook.fill(result)
    result.notes += set_metrics.protocol_notes(result, protocols)
    result.teacher = None if protocols else _mean(store, teachers, suite, sweep.metric)
    for row in rows:
        row.kept = row.score.value / result.teacher if row.score and result.teacher else None
        if row.state == "unequal images":
            result.notes.append(f"{row.label}: its seeds were scored on different images.")
    return result


def file_name(sweep: str, table: str) -> str:
    """Name a table's files and links: table3a, table3-reference, smoke-a; a@optim.lr=0.1 gives table3a_optim.lr_0.1.

    A name of letters that no file name can hold, or longer than one may be, ends in a hash of itself.
    """
    joint = "" if sweep[-1:].isdigit() and re.match(r"\w(@|$)", table) else "-"
    name = re.sub(r"[^\w.-]+", "_", sweep + joint + table, flags=re.ASCII).strip("_.-")
    if len(name) > LONGEST_NAME or not name:
        name = f"{name[:LONGEST_NAME]}_{hashlib.sha256((sweep + joint + table).encode()).hexdigest()[:8]}".lstrip("_")
    return name


def _suite(store: Store, run_ids: list[str]) -> str | None:
    """Name the suite the table speaks of: the first by name if the runs have several."""
    return next(iter(store.suites(run_ids)), None)


def _per_run(frame: pd.DataFrame) -> dict[str, tuple[dict[tuple[str, int], float], dict[str, str]]]:
    """Map run id to ({(item, replicate): score}, {item: task})."""
    found = {}
    for run_id, part in frame.groupby("run_id"):
        keys = zip(part.item_id, part.replicate, strict=True)
        scores = dict(zip(keys, part.score, strict=True))
        found[str(run_id)] = (scores, dict(zip(part.item_id, part.task, strict=True)))
    return found


def _cells(table: "Table", row: "Row") -> dict[int, "Cell"]:
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


def _row(row: "Row", cells: dict[int, "Cell"], runs: dict[str, Run], frames: dict, metric: str) -> RowResult:
    seeds, scored, tasks = [], {}, {}
    for seed, cell in sorted(cells.items()):
        status = runs[cell.run_id].status if cell.run_id in runs else "missing"
        value = None
        if status == "done" and cell.run_id in frames:
            scored[seed], tasks = frames[cell.run_id]
            alone = Scores.collect({seed: scored[seed]}, tasks, row.label)
            value = float(_select(alone, metric).per_seed[0])
        seeds.append(SeedResult(seed, cell.run_id, status, value))
    result = RowResult(row.id, row.label, row.published, seeds, _state(seeds))
    if result.state == "ok":
        try:
            result.scores = Scores.collect(scored, tasks, row.label)
        except ConfigError:
            result.state = "unequal images"
    return result


def _state(seeds: list[SeedResult]) -> str:
    """Say ok, or what is wrong with how many of the row's runs."""
    counts = Counter(seed.status for seed in seeds if seed.score is None)
    diverged = counts.pop("diverged", 0)
    parts = [f"diverged ({diverged} of {len(seeds)})"] if diverged else []
    if missing := sum(counts.values()):
        seen = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()) if status != "missing")
        parts.append(f"missing ({missing} of {len(seeds)}{': ' + seen if seen else ''})")
    return ", ".join(parts) or ("ok" if seeds else "published only")


def _select(scores: Scores, metric: str) -> Scores:
    if metric == metrics.OVERALL:
        return scores
    if metric not in scores.tasks:
        raise UnknownName("metric", metric, {metrics.OVERALL, *scores.tasks}, "the sweep")
    return scores.of_task(metric)


def _measure(table: TableResult, metric: str, store: Store) -> None:
    for row in table.rows:
        if row.scores is None:
            continue
        full, row.scores = row.scores, _select(row.scores, metric)
        row.score = statistics.score(row.scores)
        for task in _ordered(full.tasks):
            row.tasks[task] = statistics.score(full.of_task(task))
        row.novelty = _novelty(full, _novel_items(store, row.seeds[0].run_id, table.suite))


def _novel_items(store: Store, run_id: str, suite: str | None) -> set[str]:
    """List the items that the suite itself marked as novel; a run knows it from its detail."""
    items = store.frame("items", [run_id], suite=suite, replicate=0)
    return {item for item, detail in zip(items.item_id, items.detail, strict=True) if (detail or {}).get("novel")}


def _novelty(scores: Scores, novel: set[str]) -> Novelty | None:
    """Compare novel with known within the tasks that have both: elsewhere there is nothing to compare."""
    first = scores.of_prompts(novel)
    rest = scores.of_prompts(set(scores.prompts) - novel)
    tasks = set(first.tasks) & set(rest.tasks)
    if not tasks:
        return None
    chosen = {prompt for prompt, task in zip(scores.prompts, scores.tasks, strict=True) if task in tasks}
    a, b = first.of_prompts(chosen), rest.of_prompts(chosen)
    return Novelty(statistics.score(a), statistics.score(b), statistics.gap(a, b), tuple(_ordered(a.tasks)))


def _ordered(tasks: tuple[str, ...]) -> list[str]:
    return metrics.ordered(tasks)


def _teachers(store: Store, cells: "Sequence[Cell]") -> list[str]:
    """List the finished runs of the teacher's own 16-step sampler on the track and split of the table, by id."""
    if not cells:
        return []
    want = cells[0].config
    presets = {want.track.preset, hashed_preset(want.track.name, want.track.preset)}
    evaluation = {"split": want.evaluation.split, "images_per_prompt": want.evaluation.images_per_prompt}

    def fits(run: Run) -> bool:
        found = run.config.get("evaluation") or {}
        return (
            run.status == "done"
            and run.config.get("method") == "teacher"
            and run.config.get("track") in [{"name": want.track.name, "preset": preset} for preset in presets]
            and found.get("teacher_steps", TEACHER_STEPS) == TEACHER_STEPS
            and all(found.get(key) == value for key, value in evaluation.items())
        )

    return [run.run_id for run in store.runs().values() if fits(run)]


def _mean(store: Store, run_ids: list[str], suite: str | None, metric: str) -> float | None:
    values = store.frame("metrics", run_ids, suite=suite, metric=metric).value
    return float(values.mean()) if len(values) else None
