"""A sweep worked out: tables of rows, and the cells behind them, each with its RunConfig."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fpd_bench.config.schema import RunConfig
from fpd_bench.config.sweeps.sweep_file import Claim


@dataclass(frozen=True)
class Row:
    """A line of a table. where: {field: value} of its cells, None for a row of published numbers only.

    published: the paper's number of the sweep's metric; numbers: all its numbers by metric; shown: columns of words;
    in_budget: overrides that hold under budget=flops or seconds only.
    """

    id: str
    label: str
    where: dict[str, Any] | None
    published: float | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    in_budget: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """One row at one seed, and the run that fills it."""

    table_id: str
    row_id: str
    seed: int
    config: RunConfig
    run_id: str


@dataclass(frozen=True)
class Table:
    """Rows in order, and their cells, row by row and seed by seed. front, budget_of: as in the file
    (sweep_file.TableSpec)."""

    id: str
    caption: str
    rows: tuple[Row, ...]
    baseline: str | None
    claims: tuple[Claim, ...]
    cells: tuple[Cell, ...]
    front: str = ""
    budget_of: str = ""


@dataclass(frozen=True)
class Sweep:
    """Everything a sweep file asks for under one profile. seeds: all that may be trained, in their order."""

    name: str
    title: str
    metric: str
    seeds: tuple[int, ...]
    profile: str
    tables: tuple[Table, ...]
    path: Path
    looks: tuple[int, ...] = ()  # how many of the seeds each look has; () where all are trained from the beginning

    @property
    def cells(self) -> list[Cell]:
        return [cell for table in self.tables for cell in table.cells]

    def runs(self) -> dict[str, RunConfig]:
        """Map run ids to configurations: each run once, seed by seed, so that each row soon has a first number."""
        ordered = sorted(self.cells, key=lambda cell: self.seeds.index(cell.seed))
        return {cell.run_id: cell.config for cell in ordered}

    def only(self, chosen: Callable[[Cell], bool]) -> "Sweep":
        """Keep the cells that are chosen, and every table and row."""
        tables = [replace(table, cells=tuple(filter(chosen, table.cells))) for table in self.tables]
        return replace(self, tables=tuple(tables))
