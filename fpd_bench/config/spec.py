"""A sweep file and command-line overrides -> tables of cells, each with its RunConfig. Needs no torch.

On the command line `profile=` picks a profile and `seeds=[0,1]` replaces the seeds; any other key replaces the
profile's value and, where it is one, that axis of every grid. An axis that no grid of a table has
(`optim.lr=1e-4,1e-3`) makes one copy of the table per value.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from fpd_bench.config.check import check
from fpd_bench.config.compose import Override, compose, parse
from fpd_bench.config.fields import EXECUTION, canonical, check_name, value
from fpd_bench.config.identity import generated, run_id
from fpd_bench.config.schema import RunConfig
from fpd_bench.config.sweep_file import (
    DEFAULT_PROFILE,
    Claim,
    RowSpec,
    SweepFile,
    TableSpec,
    check_seeds,
    read_sweep_file,
)
from fpd_bench.config.tracks import PAPER_TRACKS, refuse_unavailable
from fpd_bench.errors import ConfigError, UnknownName

__all__ = ["Cell", "Claim", "Row", "Sweep", "Table", "load_sweep"]


@dataclass(frozen=True)
class Row:
    """A line of a table. where: {field: value} of its cells, None for a row of published numbers only.

    published: the paper's number of the sweep's metric; numbers: all its numbers by metric; shown: columns of words.
    """

    id: str
    label: str
    where: dict[str, Any] | None
    published: float | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)


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
    """Rows in order, and their cells, row by row and seed by seed."""

    id: str
    caption: str
    rows: tuple[Row, ...]
    baseline: str | None
    claims: tuple[Claim, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Sweep:
    """Everything a sweep file asks for under one profile."""

    name: str
    title: str
    metric: str
    seeds: tuple[int, ...]
    profile: str
    tables: tuple[Table, ...]
    path: Path

    @property
    def cells(self) -> list[Cell]:
        return [cell for table in self.tables for cell in table.cells]

    def runs(self) -> dict[str, RunConfig]:
        """{run id: configuration}: every distinct run once, seed by seed, so that each row soon has a first number."""
        ordered = sorted(self.cells, key=lambda cell: self.seeds.index(cell.seed))
        return {cell.run_id: cell.config for cell in ordered}


def load_sweep(path: str | Path, overrides: Sequence[str] = (), here: bool = True) -> Sweep:
    """Raises ConfigError, with the file and what is valid, for everything that can be known to be wrong beforehand.

    here: the runs are to be made on this machine, so their weights must be there; a report needs none.
    """
    file = read_sweep_file(Path(path))
    given = parse(list(overrides), "the command line")
    profile = _profile(file, _taken(given, "profile"))
    seeds = _seeds(file, _taken(given, "seeds"))
    given = [override for override in given if override.key not in ("profile", "seeds")]
    for override in given:
        check_name(override.key, "the command line")
        _refuse_seed(override.key, "the command line", "seeds=[0,1]")
        _refuse_execution_axis(override, "the command line")
    base = _base(file, profile)
    plain = [override.texts[0] for override in given if not override.is_axis]
    common = compose([*base, *plain])
    if here and common.track.name in PAPER_TRACKS and not _all_generated(file, profile, base, given, seeds):
        refuse_unavailable(common.track.name, profile)
    builders = [_Builder(file, spec, profile, base, given, seeds, here) for spec in file.tables]
    tables = [table for builder in builders for table in builder.tables()]
    return Sweep(file.name, file.title, file.metric, seeds, profile, tuple(tables), file.path)


def _all_generated(
    file: SweepFile, profile: str, base: list[str], given: list[Override], seeds: tuple[int, ...]
) -> bool:
    """Whether no cell needs the track's own weights: all images come from elsewhere."""
    builders = [_Builder(file, spec, profile, base, given, seeds, False) for spec in file.tables]
    return all(generated(cell.config) for builder in builders for table in builder.tables() for cell in table.cells)


def _taken(given: list[Override], key: str) -> Override | None:
    return next((override for override in given if override.key == key), None)


def _profile(file: SweepFile, asked: Override | None) -> str:
    known = {DEFAULT_PROFILE, *file.profiles}
    name = asked.texts[0].partition("=")[2] if asked else DEFAULT_PROFILE
    if name not in known or (asked and asked.is_axis):
        raise UnknownName("profile", name, known, str(file.path))
    return name


def _seeds(file: SweepFile, asked: Override | None) -> tuple[int, ...]:
    if asked is None:
        return file.seeds
    words = ",".join(text.partition("=")[2] for text in asked.texts).strip("[]")
    try:
        return check_seeds([int(word) for word in words.split(",")], "the command line")
    except ValueError:
        raise ConfigError(f"seeds must be whole numbers, like seeds=[0,1,2]; got {words!r}.") from None


def _base(file: SweepFile, profile: str) -> list[str]:
    where = f"{file.path}, profile {profile}"
    overrides = parse(file.profiles.get(profile, []), where)
    for override in overrides:
        check_name(override.key, where)
        _refuse_seed(override.key, where, "seeds: [0, 1]")
        if override.is_axis:
            raise ConfigError(f"{where}: '{override.key}' has several values. Only a grid may vary a field.")
    return [override.texts[0] for override in overrides]


def _refuse_seed(key: str, where: str, instead: str) -> None:
    if key == "seed":
        raise ConfigError(f"'seed' is not a choice to compare, and {where} sets it. Write {instead}.")


def _refuse_execution_axis(override: Override, where: str) -> None:
    if override.is_axis and override.key.startswith(f"{EXECUTION}."):
        raise ConfigError(f"'{override.key}' in {where} cannot be an axis: it changes no result. Give it one value.")


class _Builder:
    """Works out one table of the file: its grids under the profile and the command line, its cells and its rows."""

    def __init__(
        self,
        file: SweepFile,
        spec: TableSpec,
        profile: str,
        base: list[str],
        given: list[Override],
        seeds: tuple[int, ...],
        here: bool,
    ):
        self.here = here
        self.spec, self.profile, self.base, self.given, self.seeds = spec, profile, base, given, seeds
        self.profiles, self.metric = {DEFAULT_PROFILE, *file.profiles}, file.metric
        self.where = f"{file.path}, table {spec.id}"
        self.grids = self._grids()

    def tables(self) -> list[Table]:
        """One table, or one per value of the command line's own axes."""
        shared = set.intersection(*({axis.key for axis in grid} for grid in self.grids))
        extra = [override for override in self.given if override.is_axis and override.key not in shared]
        made = [self._table(pinned) for pinned in product(*(override.texts for override in extra))]
        if len({tuple(cell.run_id for cell in table.cells) for table in made}) == 1:  # nothing here reads those fields
            return [self._renamed(made[0])]
        return made

    def _grids(self) -> list[list[Override]]:
        grid = self.spec.grid
        if isinstance(grid, dict):
            if self.profile not in grid:
                raise UnknownName("profile", self.profile, grid, f"{self.where}, grid")
            grid = grid[self.profile]
        if not isinstance(grid, list) or not grid or not all(grid):
            raise ConfigError(
                f"{self.where}: the grid is empty. Write at least one override, like [estimator=soft,ste]."
            )
        grids = [parse(part, self.where) for part in (grid if isinstance(grid[0], list) else [grid])]
        for override in (override for part in grids for override in part):
            check_name(override.key, self.where)
            _refuse_seed(override.key, self.where, "seeds: [0, 1]")
            _refuse_execution_axis(override, self.where)
        return grids

    def _table(self, pinned: tuple[str, ...]) -> Table:
        found = self._configs(pinned)
        rows: list[Row] = []
        picked: dict[str, str] = {}  # run id (at the first seed) -> row id
        for row in self.spec.rows:
            made = self._row(row, found, picked)
            rows += [made] if made else []
        for ident, (text, _) in found.items():
            if ident not in picked:
                rows.append(Row(text, text, {}))
                picked[ident] = text
        order = [(ident, row.id) for row in rows for ident in found if picked[ident] == row.id]
        suffix = f"@{','.join(pinned)}" if pinned else ""
        cells = [self._cell(suffix, row, seed, found[ident][1]) for ident, row in order for seed in self.seeds]
        kept = {row.id for row in rows}
        return Table(
            self.spec.id + suffix,
            ", ".join([self.spec.caption, *pinned]),
            tuple(rows),
            self.spec.baseline if self.spec.baseline in kept else None,
            tuple(claim for claim in self.spec.claims if {claim.better, claim.worse} <= kept),
            tuple(cells),
        )

    def _configs(self, pinned: tuple[str, ...]) -> dict[str, tuple[str, RunConfig]]:
        """{run id at the first seed: (its axis values, configuration)} of all grids; equal ones once."""
        found: dict[str, tuple[str, RunConfig]] = {}
        fixed = [override.texts[0] for override in self.given if not override.is_axis]
        replaced = {override.key: override for override in self.given}
        for grid in self.grids:
            axes = [replaced.get(axis.key, axis) for axis in grid]
            for combination in product(*(axis.texts for axis in axes)):
                words = [axis.preset or text for axis, text in zip(axes, combination, strict=True)]
                label = ", ".join(dict.fromkeys(words))
                config = self._checked([*self.base, *combination, *fixed, *pinned], label)
                found.setdefault(run_id(config), (label, config))
        return found

    def _checked(self, overrides: list[str], label: str) -> RunConfig:
        config = replace(compose(overrides), seed=self.seeds[0])
        try:
            check(config, self.here)
        except ConfigError as error:
            error.args = (f"{error} [{self.where}: {label}]",)
            raise
        return config

    def _row(self, row: RowSpec, found: dict[str, tuple[str, RunConfig]], picked: dict[str, str]) -> Row | None:
        where = row.where
        if where and set(where) <= self.profiles:
            if self.profile not in where:
                raise UnknownName("profile", self.profile, where, f"{self.where}, row {row.id}")
            where = where[self.profile]
        if where is None:  # nobody can run it under this profile: published numbers, or nothing
            return self._named(row, None) if row.published else None
        for name in where:
            check_name(name, f"{self.where}, row {row.id}")
            _refuse_seed(name, f"{self.where}, row {row.id}", "seeds: [0, 1]")
        wanted = {name: canonical(name, target) for name, target in where.items()}
        mine = [i for i, (_, c) in found.items() if all(value(c, name) == target for name, target in wanted.items())]
        if not mine and {override.key for override in self.given} & set(where):
            return None  # the command line has taken the row's cells away
        if len(mine) != 1:
            cells = "; ".join(found[i][0] for i in mine or found)
            raise ConfigError(
                f"{self.where}: row '{row.id}' selects {len(mine)} configurations, it must be one. "
                f"{'It matches' if mine else 'The grid has'}: {cells}."
            )
        if mine[0] in picked:
            raise ConfigError(f"{self.where}: rows '{picked[mine[0]]}' and '{row.id}' select the same configuration.")
        picked[mine[0]] = row.id
        return self._named(row, where)

    def _named(self, row: RowSpec, where: dict[str, Any] | None) -> Row:
        number = row.published.get(self.metric)
        return Row(row.id, row.label, where, number, row.published, row.shown)

    def _cell(self, suffix: str, row: str, seed: int, config: RunConfig) -> Cell:
        config = replace(config, seed=seed)
        return Cell(self.spec.id + suffix, row, seed, config, run_id(config))

    def _renamed(self, table: Table) -> Table:
        cells = tuple(replace(cell, table_id=self.spec.id) for cell in table.cells)
        return replace(table, id=self.spec.id, caption=self.spec.caption, cells=cells)
