"""A table's cells as numbers: scores with intervals, paired differences, claims with verdicts. No text, no files."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fpd_bench.config.tracks import hashed_preset
from fpd_bench.registry import TEACHER
from fpd_bench.reporting import comparisons, diversity_columns, open_claims, outlook, set_metrics, training_cost
from fpd_bench.reporting.model import TableResult
from fpd_bench.reporting.row_results import RowMaker
from fpd_bench.store.query import Run, Store

if TYPE_CHECKING:
    from fpd_bench.config.sweeps.spec import Cell, Sweep, Table

LONGEST_NAME = 80  # letters of a file name, to which kinds of pictures and files are added
TEACHER_STEPS = 16  # the paper's teacher, whose score a student should keep
AS_SHIPPED = {"teacher_guidance": -1, "teacher_noise": -1, "teacher_ramp": True, "teacher_schedule": ""}  # its sampler


def table_result(sweep: "Sweep", table: "Table", store: Store) -> TableResult:
    """Compute everything the report says of one table.

    Raises ConfigError if a row has two runs for a seed or the metric is unknown.
    """
    make = RowMaker(table, sweep.metric, store)
    seen = open_claims.replay(sweep, table, make, open_claims.blank(sweep, table))
    teachers = _teachers(store, table.cells)
    result = TableResult(
        file_name(sweep.name, table.id),
        sweep.title,
        table.caption,
        sweep.metric,
        sweep.profile,
        make.suite,
        None,
        seen.rows,
        [],
        store.results_hash([*make.run_ids, *teachers]),
        looks=sweep.looks,
        seeds=sweep.seeds,
        unfinished=seen.unfinished,
        front=table.front,
    )
    diversity_columns.fill(result, store, teachers)
    training_cost.fill(result, sweep, table, store)
    pairs = comparisons.Pairs(result)
    comparisons.to_baseline(result, pairs, table.baseline)
    comparisons.mark_best(result, pairs)
    result.claims = comparisons.judge(result, pairs, table.claims)
    for n, seeds in seen.decided.items():
        result.claims[n] = replace(result.claims[n], decided_at=seeds)
    outlook.fill(result)
    result.notes += set_metrics.protocol_notes(result, make.protocols)
    result.teacher = None if make.protocols else _mean(store, teachers, make.suite, sweep.metric)
    for row in result.rows:
        row.kept = row.score.value / result.teacher if row.score and result.teacher else None
        if row.state == "unequal images":
            result.notes.append(f"{row.label}: its seeds were scored on different images.")
    return result


def runs_behind(table: "Table", store: Store) -> list[str]:
    """List the ids of all runs that the table reads: its cells', and the teachers that it is measured by."""
    return list(dict.fromkeys([*(cell.run_id for cell in table.cells), *_teachers(store, table.cells)]))


def file_name(sweep: str, table: str) -> str:
    """Name a table's files and links: table3a, table3-reference, smoke-a; a@optim.lr=0.1 gives table3a_optim.lr_0.1.

    A name of letters that no file name can hold, or longer than one may be, ends in a hash of itself.
    """
    joint = "" if sweep[-1:].isdigit() and re.match(r"\w(@|$)", table) else "-"
    name = re.sub(r"[^\w.-]+", "_", sweep + joint + table, flags=re.ASCII).strip("_.-")
    if len(name) > LONGEST_NAME or not name:
        name = f"{name[:LONGEST_NAME]}_{hashlib.sha256((sweep + joint + table).encode()).hexdigest()[:8]}".lstrip("_")
    return name


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
            and run.config.get("track") in [{"name": want.track.name, "preset": preset} for preset in presets]
            and found.get("teacher_steps", TEACHER_STEPS) == TEACHER_STEPS
            and all(found.get(key) == value for key, value in evaluation.items())
            and all(found.get(key, default) == default for key, default in AS_SHIPPED.items())
        )

    return [run.run_id for run in store.runs(method=TEACHER).values() if fits(run)]


def _mean(store: Store, run_ids: list[str], suite: str | None, metric: str) -> float | None:
    values = store.frame("metrics", run_ids, suite=suite, metric=metric).value
    return float(values.mean()) if len(values) else None
