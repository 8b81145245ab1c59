"""Seeds until decided: which rows of a sweep need more of its seeds, replayed from the runs that have a result.

A sweep with looks begins with the first look's seeds of every row. A claim that its family leaves undecided asks for
the next look's seeds of its two rows. The replay depends on finished runs only, so a sweep that was killed at any point
asks for the same runs again, on any machine.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fpd_bench.evals.statistics import UNDECIDED
from fpd_bench.records.run_status import has_result
from fpd_bench.reporting import comparisons
from fpd_bench.reporting.model import RowResult, TableResult
from fpd_bench.reporting.row_results import RowMaker, cells_by_seed
from fpd_bench.store.query import Store

if TYPE_CHECKING:
    from fpd_bench.config.sweeps.spec import Cell, Row, Sweep, Table

Empty = Callable[[list[RowResult]], TableResult]  # a table of these rows, with nothing said of them


@dataclass
class Replay:
    """Where a table stands. rows: at the last look that is complete for them; asked: {row id: seeds}, the look under
    way included; decided: {number of the claim: seeds at its verdict}; unfinished: runs without a result, of those
    asked for."""

    rows: list[RowResult] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)
    decided: dict[int, int] = field(default_factory=dict)
    unfinished: int = 0


def replay(sweep: "Sweep", table: "Table", make: RowMaker, empty: Empty) -> Replay:
    """Go through the looks of a sweep as far as their runs have results."""
    found = Replay()
    wanted = list(table.rows)
    for look in sweep.looks or (len(sweep.seeds),):
        at_look = {row.id: make(row, _first(sweep, table, row, look)) for row in wanted}
        found.asked.update({row.id: look for row in wanted})
        found.unfinished = sum(not has_result(seed.status) for row in at_look.values() for seed in row.seeds)
        if found.unfinished and found.rows:
            break  # the rows stay at the look that is complete
        before = {row.id: row for row in found.rows}
        found.rows = [at_look.get(row.id, before.get(row.id)) for row in table.rows]  # type: ignore[misc]
        if found.unfinished or not sweep.looks:
            break
        wanted = _of_open_claims(table, empty(found.rows), look, found.decided)
        if not wanted:
            break
    return found


def _first(sweep: "Sweep", table: "Table", row: "Row", look: int) -> dict[int, "Cell"]:
    chosen = set(sweep.seeds[:look])
    return {seed: cell for seed, cell in cells_by_seed(table, row).items() if seed in chosen}


def _of_open_claims(table: "Table", result: TableResult, look: int, decided: dict[int, int]) -> list["Row"]:
    """Judge the claims at this look, note those that it decides, and give the rows of the others."""
    open_rows: set[str] = set()
    for n, (claim, judged) in enumerate(
        zip(table.claims, comparisons.judge(result, comparisons.Pairs(result), table.claims), strict=True)
    ):
        if judged.verdict == UNDECIDED:
            open_rows |= {claim.better, claim.worse}
        elif judged.p is not None:
            decided.setdefault(n, look)
    return [row for row in table.rows if row.id in open_rows]


def asked_for(sweep: "Sweep", store: Store | None) -> "Sweep":
    """Keep the cells of a sweep that are wanted by now: those of the looks so far, and of the one under way.

    store: an index that is up to date; None where nothing has run.
    """
    if not sweep.looks:
        return sweep
    first = set(sweep.seeds[: sweep.looks[0]])
    if store is None:
        return sweep.only(lambda cell: cell.seed in first)
    wanted: set[tuple[str, str, int]] = set()
    for table in sweep.tables:
        seen = replay(sweep, table, RowMaker(table, sweep.metric, store), blank(sweep, table))
        wanted |= {(table.id, row, seed) for row, look in seen.asked.items() for seed in sweep.seeds[:look]}
    return sweep.only(lambda cell: (cell.table_id, cell.row_id, cell.seed) in wanted)


def blank(sweep: "Sweep", table: "Table") -> Empty:
    """Make tables of rows as `comparisons` reads them."""
    return lambda rows: TableResult(
        name=table.id,
        title=sweep.title,
        caption=table.caption,
        metric=sweep.metric,
        profile=sweep.profile,
        suite=None,
        baseline=None,
        rows=rows,
        claims=[],
        content="",
        looks=sweep.looks,
        seeds=sweep.seeds,
    )
