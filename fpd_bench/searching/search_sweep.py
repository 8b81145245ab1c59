"""Runs of a search as a sweep of one table, which executors, plans, views and reports take as they take any other."""

from dataclasses import replace
from typing import Any

from fpd_bench.config.identity import run_id
from fpd_bench.config.schema import RunConfig
from fpd_bench.config.searches.search_spec import TEST, Search
from fpd_bench.config.sweeps.cells import Cell, Row, Sweep, Table
from fpd_bench.config.sweeps.sweep_file import Claim
from fpd_bench.searching.board import RaceLevel
from fpd_bench.searching.history import Trial
from fpd_bench.searching.variety import reference

TRIALS, PROMISED, CONFIRMED = "trials", "promised", "confirmed"
WINNER, BASELINE = "winner", "baseline"
CLAIM = "The winner beats the baseline"


def sweep_of(search: Search, tables: tuple[Table, ...]) -> Sweep:
    """Give these tables under the search's name."""
    file = search.file
    return Sweep(file.name, file.title, file.metric, _seeds(tables), search.profile, tables, file.path)


def _seeds(tables: tuple[Table, ...]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(cell.seed for table in tables for cell in table.cells))


def trials_sweep(search: Search, trials: list[Trial], level: RaceLevel) -> Sweep:
    """Give the runs that these trials need to reach a level."""
    rows = tuple(Row(str(trial.number), trial.label, trial.params) for trial in trials)
    cells = tuple(
        _cell(TRIALS, str(trial.number), _paused(search.config(trial.params, seed), level.step))
        for trial in trials
        for seed in search.seeds[: level.seeds]
    )
    return sweep_of(search, (Table(TRIALS, "Trials", rows, None, (), cells),))


def _paused(config: RunConfig, step: int) -> RunConfig:
    config.execution.pause_at = step
    return config


def known_sweep(search: Search, trials: list[Trial], best: Trial | None) -> Sweep:
    """Give the runs that the search has: of its trials, of the teacher that they are held to, and, once there is a
    winner, of the final comparison."""
    (table,) = trials_sweep(search, trials, RaceLevel(len(search.seeds))).tables
    there = {run.run_id for trial in trials for run in trial.runs.values()}
    known = replace(table, cells=tuple(cell for cell in table.cells if cell.run_id in there))
    teacher = reference(search) if trials else None
    final = final_sweep(search, best.params).tables if best else ()
    return sweep_of(search, (known, *([teacher] if teacher else []), *final))


def final_sweep(search: Search, best: dict[str, Any]) -> Sweep:
    """Put the winner beside the baseline: as it was chosen, on the search's seeds and validation prompts, and
    confirmed, on fresh seeds and test prompts."""
    promised = _pair(search, best, PROMISED, "As chosen: the search's seeds, validation prompts", search.seeds)
    if not search.file.confirm:
        return sweep_of(search, (promised,))
    fresh = _pair(search, best, CONFIRMED, "Confirmed: fresh seeds, test prompts", search.file.confirm, test=True)
    return sweep_of(search, (promised, fresh))


def _pair(
    search: Search, best: dict[str, Any], name: str, caption: str, seeds: tuple[int, ...], test: bool = False
) -> Table:
    cells = []
    for seed in seeds:
        for row, config in (
            (BASELINE, replace(search.baseline, seed=seed)),
            (WINNER, search.config(best, seed)),
        ):
            asked = replace(config.evaluation, split=TEST) if test else config.evaluation
            cells.append(_cell(name, row, replace(config, evaluation=asked)))
    rows = (Row(BASELINE, "Baseline", {}), Row(WINNER, "Winner", best))
    claims = (Claim(WINNER, BASELINE, CLAIM),) if cells[0].run_id != cells[1].run_id else ()
    return Table(name, caption, rows if claims else rows[1:], BASELINE if claims else None, claims, _of(cells, claims))


def _of(cells: list[Cell], claims: tuple[Claim, ...]) -> tuple[Cell, ...]:
    """Give all of them, or the winner's, where it is the baseline itself."""
    return tuple(cell for cell in cells if claims or cell.row_id == WINNER)


def _cell(table: str, row: str, config: RunConfig) -> Cell:
    return Cell(table, row, config.seed, config, run_id(config))
