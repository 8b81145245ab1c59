"""A row's configuration with where each value comes from: default, profile, table, grid, row, seeds, command line.

Needs no torch.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpd_bench.config.compose import Override, compose_base, parse
from fpd_bench.config.fields import leaves, value
from fpd_bench.config.identity import reads
from fpd_bench.config.schema import RunConfig
from fpd_bench.config.sweeps.cells import Cell, Row, Sweep, Table
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.config.sweeps.sweep_file import SweepFile, TableSpec, read_sweep_file
from fpd_bench.config.sweeps.sweep_names import find_sweep
from fpd_bench.config.tracks import own_preset
from fpd_bench.errors import ConfigError, UnknownName

NOT_FIELDS = ("profile", "seeds", "budget")
BUDGETED = "optim.steps"  # what a budget sets


@dataclass(frozen=True)
class Origin:
    """A field's value and where it comes from. read: whether it can change a number of this run."""

    name: str
    value: Any
    source: str
    read: bool


@dataclass(frozen=True)
class RowOrigins:
    """A row of a table at its first seed, field by field in the schema's order."""

    table_id: str
    row: Row
    cell: Cell
    fields: list[Origin]


def row_names(sweep: Sweep) -> list[str]:
    """List `table/row` of all rows with cells."""
    return [f"{table.id}/{row}" for table in sweep.tables for row in dict.fromkeys(cell.row_id for cell in table.cells)]


def row_origins(path: str | Path, name: str, overrides: Sequence[str] = ()) -> RowOrigins:
    """Work out a row, called by its id or as `table/row`. Raises UnknownName, and ConfigError for an id that several
    tables have."""
    sweep = load_sweep(path, overrides)
    table, cell = _find_row(sweep, name)
    file = read_sweep_file(find_sweep(path))
    spec = next(one for one in file.tables if table.id == one.id or table.id.startswith(f"{one.id}@"))
    given = [one for one in parse(list(overrides), "the command line") if one.key not in NOT_FIELDS]
    row = next(one for one in table.rows if one.id == cell.row_id)
    layers = _layers(file, spec, sweep.profile, row, given, cell.config)
    read = reads(cell.config)
    names = [*leaves(), *sorted(one for one in read if one not in leaves())]
    found = [
        Origin(one, value(cell.config, one), _source(one, cell.config, layers, sweep.profile), one in read)
        for one in names
    ]
    return RowOrigins(table.id, row, cell, found)


def _find_row(sweep: Sweep, name: str) -> tuple[Table, Cell]:
    known = row_names(sweep)
    matching = [one for one in known if name in (one, one.partition("/")[2])]
    if len(matching) > 1:
        raise ConfigError(f"Several tables of {sweep.path} have a row '{name}'. Write one of: {', '.join(matching)}.")
    if not matching:
        raise UnknownName("row", name, known, str(sweep.path))
    place = known.index(matching[0])
    firsts = [
        (table, next(cell for cell in table.cells if cell.row_id == row))
        for table in sweep.tables
        for row in dict.fromkeys(cell.row_id for cell in table.cells)
    ]
    return firsts[place]


def _layers(
    file: SweepFile, spec: TableSpec, profile: str, row: Row, given: list[Override], config: RunConfig
) -> list[tuple[str, dict[str, set[str]]]]:
    """List (where, {field: texts of the values that it gives there}), the strongest first."""
    grid = spec.grid[profile] if isinstance(spec.grid, dict) else spec.grid
    parts = grid if isinstance(grid[0], list) else [grid]
    in_grids = [one for part in parts for one in parse(part, str(file.path))]
    chosen = [one for one in in_grids if row.where and one.key in row.where]
    in_profile = parse(file.profiles.get(profile, []), f"profile {profile}")
    kept = {one.key for one in in_grids if one.key == "method" and not one.is_axis}  # not the command line's to change
    from_line = [one for one in given if one.key not in kept or config.method in str(one.texts)]
    named = (
        ("command line", from_line),
        ("row", chosen),
        ("grid", in_grids),
        (f"settings of table {spec.id}", parse(list(spec.settings), str(file.path))),
        (f"profile {profile}", in_profile),
    )
    return [(where, _texts(overrides)) for where, overrides in named]


def _texts(overrides: Iterable[Override]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in overrides:
        found.setdefault(one.key, set()).update(one.texts)
    return found


def _source(name: str, config: RunConfig, layers: list[tuple[str, dict[str, set[str]]]], profile: str) -> str:
    if name == "seed":
        return "seeds"
    for where, texts in layers:
        if any(_gives(name, text, config) for text in texts.get(name, ())):
            return where
    return "budget" if name == BUDGETED and value(config, name) != value(RunConfig(), name) else "default"


def _gives(name: str, text: str, config: RunConfig) -> bool:
    """Say whether an override, alone, gives the field the value that it has."""
    found = value(compose_base([text]), name)
    if name == "track.preset":
        found = own_preset(config.track.name, found)
    return bool(found == value(config, name))
