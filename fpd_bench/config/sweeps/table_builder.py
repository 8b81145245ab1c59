"""One table of a sweep file, worked out: its grids under the profile and the command line, its cells and its rows."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from fpd_bench.config.check import check
from fpd_bench.config.compose import Override, compose, compose_base, parse
from fpd_bench.config.fields import EXECUTION, PLUGIN, assign, canonical, check_name, leaves, plugin_leaves, value
from fpd_bench.config.identity import reads, run_ids
from fpd_bench.config.named_settings import PRESETS
from fpd_bench.config.schema import RunConfig
from fpd_bench.config.sweeps.cells import Cell, Row, Table
from fpd_bench.config.sweeps.sweep_file import DEFAULT_PROFILE, RowSpec, SweepFile, TableSpec
from fpd_bench.errors import ConfigError, UnknownName

MOST = 8  # configurations that a message lists


def refuse_seed(key: str, where: str, instead: str) -> None:
    """Raise ConfigError for the field that the sweep's seeds set."""
    if key == "seed":
        raise ConfigError(f"{where} sets 'seed', which is not a choice to compare. Write {instead}.")


def refuse_execution_axis(override: Override, where: str) -> None:
    """Raise ConfigError for an axis of fields that change no result."""
    if override.is_axis and override.key.startswith(f"{EXECUTION}."):
        raise ConfigError(
            f"'{override.key}' in {where} cannot have several values, because it changes no result. Give it one value."
        )


@dataclass(frozen=True)
class _Found:
    """A configuration of a table's grids at the first seed. words: the axis values that chose it, as they are read.
    run_ids: one for each seed."""

    words: str
    config: RunConfig
    read: set[str]
    run_ids: list[str]


class _Index:
    """A table's configurations by the values of the fields that rows ask for; a field that is not read has none."""

    def __init__(self, found: dict[str, _Found]):
        self.found = found
        self._by: dict[tuple[str, ...], dict[str, list[str]]] = {}

    def matching(self, wanted: dict[str, Any]) -> list[str]:
        """List the ids of the configurations that read all of these fields and have these values."""
        names = tuple(sorted(wanted))
        if names not in self._by:
            groups: dict[str, list[str]] = {}
            for ident, one in self.found.items():
                if one.read.issuperset(names):
                    groups.setdefault(repr([value(one.config, name) for name in names]), []).append(ident)
            self._by[names] = groups
        return self._by[names].get(repr([wanted[name] for name in names]), [])

    def reading(self, names: Iterable[str]) -> bool:
        """Say whether any configuration reads all of these fields."""
        return any(one.read.issuperset(names) for one in self.found.values())


class TableBuilder:
    """Works out one table of the file: its grids under the profile and the command line, its cells and its rows."""

    def __init__(
        self,
        file: SweepFile,
        spec: TableSpec,
        profile: str,
        common: list[str],
        given: list[Override],
        seeds: tuple[int, ...],
    ):
        self.spec, self.profile, self.given, self.seeds = spec, profile, given, seeds
        self.profiles, self.metric = {DEFAULT_PROFILE, *file.profiles}, file.metric
        self.where = f"{file.path}, table {spec.id}"
        fixed = [*common, *spec.settings]  # of the profile, and of this table
        self.base = compose_base(fixed)
        self.common = {one.key for one in parse(fixed, self.where)}
        self.passed_over: dict[str, ConfigError] = {}  # fields that the command line gives, by why a cell refuses them
        self.grids = self._grids()

    def tables(self) -> list[Table]:
        """Build one table, or one per value of the command line's own axes."""
        shared = set.intersection(*({axis.key for axis in grid} for grid in self.grids))
        extra = [override for override in self.given if override.is_axis and override.key not in shared]
        tables = [self._table(pinned) for pinned in product(*(override.texts for override in extra))]
        if len({tuple(cell.run_id for cell in table.cells) for table in tables}) == 1:  # none reads those fields
            return [self._renamed(tables[0])]
        return tables

    def _grids(self) -> list[list[Override]]:
        grid = self.spec.grid
        if isinstance(grid, dict):
            fields = [key for key in grid if key in leaves()]
            if fields:
                raise ConfigError(
                    f"{self.where}: a grid is a list of overrides, such as ['{fields[0]}=a,b'], no mapping of fields."
                )
            if self.profile not in grid:
                raise UnknownName("profile", self.profile, grid, f"{self.where}, grid")
            grid = grid[self.profile]
        if not isinstance(grid, list) or not grid or not all(grid):
            raise ConfigError(
                f"{self.where}: the grid is empty. Write at least one override, like [estimator=soft,ste]."
            )
        grids_given = grid if isinstance(grid[0], list) else [grid]
        strange = next((part for part in grids_given if not isinstance(part, list)), None)
        if strange is not None:
            raise ConfigError(
                f"{self.where}: a grid is a list of overrides, or a list of such lists; got {strange!r} among lists."
            )
        grids = [parse(part, self.where) for part in grids_given]
        for override in (override for part in grids for override in part):
            check_name(override.key, self.where)
            refuse_seed(override.key, self.where, "seeds: [0, 1]")
            refuse_execution_axis(override, self.where)
        return grids

    def _table(self, pinned: tuple[str, ...]) -> Table:
        found = self._configs(pinned)
        index = _Index(found)
        rows: list[Row] = []
        picked: dict[str, str] = {}  # run id (at the first seed) -> row id
        for row in self.spec.rows:
            table_row = self._row(row, index, picked)
            rows += [table_row] if table_row else []
        for ident, one in found.items():
            if ident not in picked:
                rows.append(Row(one.words, one.words, {}))
                picked[ident] = one.words
        members: dict[str, list[str]] = {}
        for ident in found:
            members.setdefault(picked[ident], []).append(ident)
        suffix = f"@{','.join(pinned)}" if pinned else ""
        cells = [
            cell
            for row in rows
            for ident in members.get(row.id, [])
            for cell in self._cells(self.spec.id + suffix, row, found[ident])
        ]
        kept = {row.id for row in rows}
        return Table(
            self.spec.id + suffix,
            ", ".join([self.spec.caption, *pinned]),
            tuple(rows),
            self.spec.baseline if self.spec.baseline in kept else None,
            tuple(claim for claim in self.spec.claims if {claim.better, claim.worse} <= kept),
            tuple(cells),
            self.spec.front,
            self.spec.budget_of,
        )

    def _configs(self, pinned: tuple[str, ...]) -> dict[str, _Found]:
        """Map the run id at the first seed to its configuration, over all grids; equal ones once."""
        found: dict[str, _Found] = {}
        replaced = {override.key: override for override in self.given}
        for grid in self.grids:
            own = [axis.key for axis in grid if axis.key == "method" and not axis.is_axis]
            axes = [axis if axis.key in own else replaced.get(axis.key, axis) for axis in grid]
            fixed = [one.texts[0] for one in self.given if not one.is_axis and one.key not in own]
            here: list[_Found] = []
            for combination in product(*(axis.texts for axis in axes)):
                words = {axis.key: axis.preset or text for axis, text in zip(axes, combination, strict=True)}
                here.append(self._found([*combination, *fixed, *pinned], words, fixed))
                found.setdefault(here[-1].run_ids[0], here[-1])
            self._refuse_unread(axes, here)
        for name, error in self.passed_over.items():
            if not any(name in one.read for one in found.values()):
                raise error
        return found

    def _found(self, overrides: list[str], words: dict[str, str], fixed: list[str]) -> _Found:
        label = ", ".join(dict.fromkeys(words.values()))
        try:
            config = self._checked(overrides, fixed)
        except ConfigError as error:
            error.args = (f"{error} [{self.where}: {label}]",)
            raise
        read = reads(config)
        meant = dict.fromkeys(text for key, text in words.items() if key in read or key in PRESETS)
        return _Found(", ".join(meant) or ", ".join(fixed) or label, config, read, run_ids(config, self.seeds))

    def _checked(self, overrides: list[str], fixed: list[str]) -> RunConfig:
        """Make a configuration and check it. What profile, settings or command line fix for other rows, such as Phi's
        backbone, is left out of a cell that refuses it and does not read it: one that drifts in pixels."""
        config = compose(overrides, self.base)
        config.seed = self.seeds[0]
        try:
            self._leave_out_unused_plugins(config, fixed)
            check(config)
        except ConfigError as error:
            given = {one.partition("=")[0] for one in fixed}
            idle = {name for name in {*given, *self.common} - reads(config) if name in leaves()}
            if not idle:
                raise
            self.passed_over |= dict.fromkeys(idle & given, error)
            for name in idle:
                assign(config, name, value(RunConfig(), name))
            check(config)
        return config

    def _leave_out_unused_plugins(self, config: RunConfig, fixed: list[str]) -> None:
        """Take settings of a plugin, which profile, settings or command line fix for other rows, out of a cell without
        that plugin."""
        names = [*self.common, *(one.partition("=")[0] for one in fixed)]
        for name in {name.split(".")[1] for name in names if name.startswith(f"{PLUGIN}.")}:
            if not reads(config) & set(plugin_leaves(name)):
                config.plugin.pop(name, None)

    def _refuse_unread(self, axes: list[Override], here: list[_Found]) -> None:
        """Refuse an axis that none of its own configurations reads: it compares nothing. One that the command line has
        made meaningless is passed over."""
        for axis in axes:
            if axis.is_axis and not self.given and not any(axis.key in one.read for one in here):
                methods = ", ".join(sorted({one.config.method for one in here}))
                raise ConfigError(
                    f"{self.where}: no configuration of this grid reads '{axis.key}' (method={methods}), so its values "
                    "make no difference. Leave it out."
                )

    def _row(self, row: RowSpec, index: _Index, picked: dict[str, str]) -> Row | None:
        where, place = row.where, f"{self.where}, row {row.id}"
        if where and set(where) <= self.profiles:
            if self.profile not in where:
                raise UnknownName("profile", self.profile, where, place)
            where = where[self.profile]
        if where is None:  # nobody can run it under this profile: published numbers, or nothing
            return self._named(row, None) if row.published else None
        if not isinstance(where, dict):
            raise ConfigError(f"{place}: 'where' must be a mapping of field: value; got {where!r}.")
        for name in where:
            check_name(name, place)
            refuse_seed(name, place, "seeds: [0, 1]")
        mine = index.matching({name: canonical(name, target) for name, target in where.items()})
        if not mine and self._taken_away(where, index):
            return None
        if len(mine) != 1:
            raise ConfigError(f"{place}: {self._why_not_one(row, mine, where, index)}")
        if mine[0] in picked:
            raise ConfigError(f"{self.where}: rows '{picked[mine[0]]}' and '{row.id}' select the same configuration.")
        picked[mine[0]] = row.id
        return self._named(row, where)

    def _taken_away(self, where: dict[str, Any], index: _Index) -> bool:
        """Say whether it is the command line that has left the row without cells."""
        set_there = {override.key for override in self.given} & set(where)
        return bool(self.given) and (bool(set_there) or not index.reading(where))

    def _why_not_one(self, row: RowSpec, mine: list[str], where: dict[str, Any], index: _Index) -> str:
        said = f"row '{row.id}' must select one configuration, but selects {len(mine)}."
        if mine:
            return f"{said} It matches: {'; '.join(index.found[one].words for one in mine[:MOST])}."
        unread = [name for name in where if not index.reading({name: None})]
        if unread:
            return f"{said} No configuration of the table reads '{unread[0]}'."
        return f"{said} The grid has: {'; '.join(one.words for one in [*index.found.values()][:MOST])}."

    def _named(self, row: RowSpec, where: dict[str, Any] | None) -> Row:
        number = row.published.get(self.metric)
        return Row(row.id, row.label, where, number, row.published, row.shown, self._in_budget(row))

    def _in_budget(self, row: RowSpec) -> tuple[str, ...]:
        given, place = row.in_budget, f"{self.where}, row {row.id}, in_budget"
        if isinstance(given, dict):
            strange = next((name for name in given if name not in self.profiles), None)
            if strange is not None:
                raise UnknownName("profile", str(strange), self.profiles, place)
            given = given.get(self.profile) or ()
        overrides = parse(given, place)
        for override in overrides:
            check_name(override.key, place)
            refuse_seed(override.key, place, "seeds: [0, 1]")
            if override.is_axis:
                raise ConfigError(f"{place}: '{override.key}' has several values. Give it one.")
        return tuple(override.texts[0] for override in overrides)

    def _cells(self, table: str, row: Row, one: _Found) -> list[Cell]:
        """Make the cells of a row's configuration, one for each seed."""
        names = zip(self.seeds, one.run_ids, strict=True)
        return [Cell(table, row.id, seed, replace(one.config, seed=seed), name) for seed, name in names]

    def _renamed(self, table: Table) -> Table:
        cells = tuple(replace(cell, table_id=self.spec.id) for cell in table.cells)
        return replace(table, id=self.spec.id, caption=self.spec.caption, cells=cells)
