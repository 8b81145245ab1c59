"""What a step of each row of a sweep costs, for budgets of equal cost (config/sweeps/budget.py): `sweep FILE --price`.

FLOPs are counted on meta devices (step.py). Seconds are those of the sweep's finished runs, with or without
budget=flops, means over a row's runs.
"""

from dataclasses import replace
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING

import yaml

from fpd_bench.assets.environment import existing_weights_folder
from fpd_bench.config.identity import trains
from fpd_bench.config.schema import RunConfig
from fpd_bench.config.sweeps.budget import Price, in_budget, price_file, price_key, trained_in_budget
from fpd_bench.config.sweeps.cells import Cell, Sweep
from fpd_bench.errors import ConfigError
from fpd_bench.runs.execute.sweep_plan import open_run
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.folder.whole_files import write_text
from fpd_bench.runs.watch.past_durations import step_seconds

if TYPE_CHECKING:
    from fpd_bench.costs.step import StepCost

STEP = "seconds/step"  # of the training log
HEAD = "# What a step costs, for budget=flops and budget=seconds. Written by: python -m fpd_bench.sweep FILE --price\n"


def write_prices(sweep: Sweep, results: Path) -> Path:
    """Write the prices of all rows that train into the sweep's price file; other profiles' stay. Returns the file."""
    path = price_file(sweep.path)
    prices = yaml.safe_load(path.read_text()) if path.is_file() else {}
    prices[sweep.profile] = [
        {"row": row, "settings": price.settings, "parameters": price.parameters, "flops": float(f"{price.flops:.6g}")}
        | ({"flops_once": float(f"{price.flops_once:.6g}")} if price.flops_once else {})
        | ({"seconds": float(f"{price.seconds:.4g}")} if price.seconds else {})
        | ({"seconds_once": float(f"{price.seconds_once:.4g}")} if price.seconds_once else {})
        for row, price in price_rows(sweep, results)
    ]
    path.parent.mkdir(exist_ok=True)
    write_text(path, HEAD + yaml.safe_dump(prices, sort_keys=False, width=120))
    return path


def price_rows(sweep: Sweep, results: Path) -> list[tuple[str, Price]]:
    """Compute the price of each row that trains, as it is and as it does under a budget: [(row id, Price)], in the
    sweep's order."""
    found: dict[str, tuple[str, RunConfig]] = {}
    for table in sweep.tables:
        for cell in [*(one for one in table.cells if trains(one.config)), *trained_in_budget(table)]:
            found.setdefault(price_key(cell.config), (cell.row_id, cell.config))
    prices = {key: _price_of(key, config) for key, (_, config) in found.items()}
    seconds = _measured_seconds(sweep, prices, results)
    for key, (step, once) in seconds.items():
        prices[key] = replace(prices[key], seconds=step, seconds_once=once)
    return [(row, prices[key]) for key, (row, _) in found.items()]


def _measured_seconds(sweep: Sweep, prices: dict[str, Price], results: Path) -> dict[str, tuple[float, float]]:
    """Measure seconds and seconds_once of each price by the finished runs of the sweep, and of it under budget=flops:
    of a row with `in_budget` only the latter have the price's settings."""
    spent: dict[str, dict[str, tuple[float, float]]] = {}
    for cell in [*sweep.cells, *_cells_in_budget(sweep, prices)]:
        key = price_key(cell.config) if trains(cell.config) else ""
        if key in prices:
            measured = _seconds_of(open_run(results, cell.run_id), prices[key].flops_once > 0)
            if measured:
                spent.setdefault(key, {})[cell.run_id] = measured
    return {key: (mean(s for s, _ in runs.values()), mean(o for _, o in runs.values())) for key, runs in spent.items()}


def _cells_in_budget(sweep: Sweep, prices: dict[str, Price]) -> list[Cell]:
    try:
        return in_budget(sweep, "flops", prices).cells
    except ConfigError:  # no row's cost is to be the others', or a row does not fit into it: told where it is asked for
        return []


def _seconds_of(run: RunDir, once: bool) -> tuple[float, float] | None:
    """Return seconds of a step, and of all that is done once, of a finished run; None without one. once: whether
    there is any such work; steps that do it are few, so the median step has none."""
    all_in_all = step_seconds(run)
    if all_in_all is None:
        return None
    if not once:
        return all_in_all, 0.0
    steps = run.config().optim.steps
    logged = [row[STEP] for row in run.training_log() if STEP in row]
    step = min(median(logged), all_in_all) if logged else all_in_all
    return step, steps * (all_in_all - step)


def _price_of(key: str, config: RunConfig) -> Price:
    """Count what the run trains, FLOPs of a step, and of what is done once: a method's cost spreads the latter over all
    its steps."""
    from fpd_bench.costs.step import step_cost

    def cost(steps: int) -> "StepCost":
        return step_cost(replace(config, optim=replace(config.optim, steps=steps)), existing_weights_folder())

    steps = config.optim.steps
    first, longer = cost(steps), cost(2 * steps)
    once, twice = steps * first.total, 2 * steps * longer.total
    step = (twice - once) / steps
    return Price(key, step, max(0.0, once - steps * step), parameters=first.parameters)
