"""Equal training cost: `budget=flops` or `budget=seconds` on the command line of a sweep gives each row the steps that
cost as much as the steps of its table's reference row (`budget_of:`). `budget=steps`, the default, leaves all as it is.

A row's `in_budget:` holds under such a budget only: what it does once may have to be made smaller, to leave steps.

What a step costs is read from sweeps/budgets/<sweep>.yaml, which `sweep FILE --price` writes and which is committed: so
the steps, and with them the run ids, are the same on every machine, and known without torch. A row whose settings have
changed since is refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fpd_bench.config.check import check
from fpd_bench.config.compose import compose
from fpd_bench.config.identity import run_id, trains
from fpd_bench.config.mapping_reader import MappingReader
from fpd_bench.config.schema import RunConfig
from fpd_bench.config.sweeps.cells import Cell, Sweep, Table
from fpd_bench.config.written import read_yaml
from fpd_bench.errors import ConfigError, UnknownName

BUDGETS = ("steps", "flops", "seconds")


@dataclass(frozen=True)
class Price:
    """Of a row. settings: their `price_key`; flops: of a step; flops_once: of all that is done once in a training;
    seconds, seconds_once: the same as measured, None where no run has been measured; parameters: that it trains, 0 if
    the file does not say."""

    settings: str
    flops: float
    flops_once: float = 0.0
    seconds: float | None = None
    seconds_once: float = 0.0
    parameters: int = 0

    def steps_for(self, kind: str, cost: float) -> int:
        """Return how many steps cost so much; less than 1 if that does not pay for what is done once."""
        if kind == "seconds":
            return round((cost - self.seconds_once) / (self.seconds or 1))
        return round((cost - self.flops_once) / self.flops)

    def of(self, kind: str, steps: int) -> float:
        """Return what so many steps cost, in FLOPs or in seconds."""
        if kind == "seconds":
            return self.seconds_once + steps * (self.seconds or 0)
        return self.flops_once + steps * self.flops


def price_key(config: RunConfig) -> str:
    """Name what a price is of: the run's settings but for its seed, its number of steps and its learning rate."""
    return run_id(replace(config, seed=0, optim=replace(config.optim, steps=1, lr=1e-4)))


def trained_in_budget(table: Table) -> Iterator[Cell]:
    """Give the cells of a table that train, with their rows' `in_budget`, and the steps that they have without one."""
    own = {row.id: row.in_budget for row in table.rows}
    for cell in table.cells:
        if trains(cell.config):
            yield replace(cell, config=compose(own[cell.row_id], cell.config)) if own[cell.row_id] else cell


def price_file(sweep: Path) -> Path:
    """Return where the prices of a sweep file lie."""
    return sweep.parent / "budgets" / sweep.name


def in_budget(sweep: Sweep, kind: str, prices: Mapping[str, Price] | None = None) -> Sweep:
    """Give each row that trains the steps of this budget. prices: by `price_key`; None = those of the sweep's file.
    Raises UnknownName, and ConfigError for rows without a price, with what to do."""
    if kind not in BUDGETS:
        raise UnknownName("budget", kind, BUDGETS)
    if kind == "steps":
        return sweep
    prices = _read_prices(sweep) if prices is None else prices
    tables = tuple(_table_in_budget(sweep, table, kind, prices) for table in sweep.tables)
    return replace(
        sweep, name=f"{sweep.name}-{kind}", title=f"{sweep.title}, equal {_capital(kind)} of training", tables=tables
    )


def _table_in_budget(sweep: Sweep, table: Table, kind: str, prices: Mapping[str, Price]) -> Table:
    trained = list(trained_in_budget(table))
    if not trained:
        return table
    if not table.budget_of:
        raise ConfigError(
            f"budget={kind}: table {table.id} of {sweep.path} does not say whose cost the others get. "
            "Write budget_of: and a row's id in it."
        )
    whose = next((cell.config for cell in trained if cell.row_id == table.budget_of), None)
    if whose is None:
        raise ConfigError(f"budget={kind}: row '{table.budget_of}' of {sweep.path}, table {table.id}, has no training.")
    cost = _price_of(sweep, table.budget_of, whose, kind, prices).of(kind, whose.optim.steps)
    equal = {(one.row_id, one.seed, one.run_id): _cell_in_budget(sweep, one, kind, cost, prices) for one in trained}
    cells = [equal.get((cell.row_id, cell.seed, cell.run_id), cell) for cell in table.cells]
    return replace(table, cells=tuple(cells), caption=f"Equal {_capital(kind)}: {table.caption}")


def _capital(kind: str) -> str:
    return kind.replace("flops", "FLOPs")


def _cell_in_budget(sweep: Sweep, cell: Cell, kind: str, cost: float, prices: Mapping[str, Price]) -> Cell:
    steps = _price_of(sweep, cell.row_id, cell.config, kind, prices).steps_for(kind, cost)
    if steps < 1:
        raise ConfigError(
            f"budget={kind}: what row '{cell.row_id}' does once costs more than the whole budget. Train the reference "
            "row for more steps (optim.steps=), or make the row cheaper under a budget: in_budget: "
            "[plugin.redi.pairs=500] in that row."
        )
    config = replace(cell.config, optim=replace(cell.config.optim, steps=steps))
    check(config)
    return replace(cell, config=config, run_id=run_id(config))


def _price_of(sweep: Sweep, row: str, config: RunConfig, kind: str, prices: Mapping[str, Price]) -> Price:
    key = price_key(config)
    found = prices.get(key)
    again = f"Run: python -m fpd_bench.sweep {sweep.path} profile={sweep.profile} --price"
    if found is None:
        raise ConfigError(
            f"budget={kind}: row '{row}' has no price in {price_file(sweep.path)}, or its settings have changed. "
            f"{again}, with the same overrides."
        )
    if kind == "seconds" and not found.seconds:
        raise ConfigError(
            f"budget=seconds: no finished run of row '{row}' was there when {price_file(sweep.path)} was written. "
            f"Train it first: python -m fpd_bench.sweep {sweep.path} profile={sweep.profile}, with budget=flops for a "
            f"row that has in_budget. Then {again[0].lower()}{again[1:]}"
        )
    return found


def known_prices(sweep: Sweep) -> dict[str, Price]:
    """Read the prices of the sweep's file by `price_key`; {} if it has none. Raises ConfigError for an odd file."""
    return _read_prices(sweep) if price_file(sweep.path).is_file() else {}


def _read_prices(sweep: Sweep) -> dict[str, Price]:
    """Read all prices of the file: {price_key: Price}."""
    path = price_file(sweep.path)
    if not path.is_file():
        raise ConfigError(
            f"A budget needs prices, and there is no {path}. Run: python -m fpd_bench.sweep {sweep.path} "
            f"profile={sweep.profile} --price"
        )
    top, found = read_yaml(path), dict[str, Price]()
    if not isinstance(top, dict):
        raise ConfigError(f"{path} must be a mapping of profile: prices; got {top!r:.60}.")
    for profile, rows in top.items():
        for n, entry in enumerate(rows if isinstance(rows, list) else []):
            one = _read_price(entry, f"{path}, {profile}, entry {n + 1}")
            found[one.settings] = one
    return found


def _read_price(entry: Any, where: str) -> Price:
    reader = MappingReader(entry, where)
    reader.text("row")
    number = (int, float)
    price = Price(
        reader.text("settings"),
        float(reader.get("flops", number)),
        float(reader.get("flops_once", number, 0.0)),
        None if "seconds" not in entry else float(reader.get("seconds", number)),
        float(reader.get("seconds_once", number, 0.0)),
        reader.get("parameters", int, 0),
    )
    reader.finish()
    once = min(price.flops_once, price.seconds_once)
    if price.flops <= 0 or once < 0 or (price.seconds is not None and price.seconds <= 0):
        raise ConfigError(f"{where}: flops and seconds must be above 0; got {entry!r}.")
    return price
