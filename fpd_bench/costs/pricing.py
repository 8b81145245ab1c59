"""What a step of each row of a sweep costs, for budgets of equal cost (config/sweeps/budget.py): `sweep FILE --price`.

FLOPs are counted on meta devices (step.py). Seconds are those of the sweep's finished runs, means over a row's seeds.
"""

from dataclasses import replace
from pathlib import Path
from statistics import mean

import yaml

from fpd_bench.assets.environment import existing_weights_folder
from fpd_bench.config.identity import trains
from fpd_bench.config.schema import RunConfig
from fpd_bench.config.sweeps.budget import Price, price_file, price_key
from fpd_bench.config.sweeps.cells import Sweep
from fpd_bench.runs.execute.sweep_plan import open_run
from fpd_bench.runs.folder.whole_files import write_text
from fpd_bench.runs.watch.past_durations import step_seconds

HEAD = "# What a step costs, for budget=flops and budget=seconds. Written by: python -m fpd_bench.sweep FILE --price\n"


def write_prices(sweep: Sweep, results: Path) -> Path:
    """Write the prices of all rows that train into the sweep's price file; other profiles' stay. Returns the file."""
    path = price_file(sweep.path)
    prices = yaml.safe_load(path.read_text()) if path.is_file() else {}
    prices[sweep.profile] = [
        {"row": row, "settings": price.settings, "flops": float(f"{price.flops:.6g}")}
        | ({"flops_once": float(f"{price.flops_once:.6g}")} if price.flops_once else {})
        | ({"seconds": float(f"{price.seconds:.4g}")} if price.seconds else {})
        for row, price in price_rows(sweep, results)
    ]
    path.parent.mkdir(exist_ok=True)
    write_text(path, HEAD + yaml.safe_dump(prices, sort_keys=False, width=120))
    return path


def price_rows(sweep: Sweep, results: Path) -> list[tuple[str, Price]]:
    """Compute the price of each row that trains: [(row id, Price)], in the order of the sweep."""
    found: dict[str, tuple[str, RunConfig]] = {}
    seconds: dict[str, list[float]] = {}
    for cell in sweep.cells:
        if trains(cell.config):
            key = price_key(cell.config)
            found.setdefault(key, (cell.row_id, cell.config))
            measured = step_seconds(open_run(results, cell.run_id))
            seconds.setdefault(key, []).extend([measured] if measured else [])
    return [
        (row, Price(key, *_flops_of(config), mean(seconds[key]) if seconds[key] else None))
        for key, (row, config) in found.items()
    ]


def _flops_of(config: RunConfig) -> tuple[float, float]:
    """Count FLOPs of a step, and of what is done once: a method's cost spreads the latter over all its steps."""
    from fpd_bench.costs.step import step_cost

    def total(steps: int) -> float:
        asked = replace(config, optim=replace(config.optim, steps=steps))
        return steps * step_cost(asked, existing_weights_folder()).total

    steps = config.optim.steps
    once, twice = total(steps), total(2 * steps)
    step = (twice - once) / steps
    return step, max(0.0, once - steps * step)
