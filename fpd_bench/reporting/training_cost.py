"""What the training of each row of a table costs: counted (parameters, FLOPs) and measured (seconds, memory).

Shown where a table names the row whose cost the others get under a budget: there methods are compared, not settings.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import TYPE_CHECKING

import pandas as pd

from fpd_bench.config.identity import trains
from fpd_bench.reporting.model import TableResult, TrainingCost
from fpd_bench.reporting.number_words import NONE
from fpd_bench.store.query import Store

if TYPE_CHECKING:
    from fpd_bench.config.sweeps.budget import Price
    from fpd_bench.config.sweeps.spec import Cell, Sweep, Table

SECONDS, MEMORY = "seconds/step", "memory_gb"  # of the training log


def fill(result: TableResult, sweep: "Sweep", table: "Table", store: Store) -> None:
    """Fill the cost of each row that trains, if the table has a reference row for costs. Raises ConfigError for an odd
    file of prices."""
    from fpd_bench.config.sweeps.budget import known_prices, price_key

    if not table.budget_of:
        return
    prices = known_prices(sweep)
    cells: dict[str, list[Cell]] = defaultdict(list)
    for cell in table.cells:
        if trains(cell.config):
            cells[cell.row_id].append(cell)
    logged = _logged(store, [cell.run_id for some in cells.values() for cell in some])
    for row in result.rows:
        if row.id in cells:
            price = prices.get(price_key(cells[row.id][0].config))
            row.cost = _cost(cells[row.id], price, logged)


def _cost(cells: "Sequence[Cell]", price: "Price | None", logged: Mapping[str, dict[str, list[float]]]) -> TrainingCost:
    config = cells[0].config
    steps = config.optim.steps
    runs = [logged[cell.run_id] for cell in cells if cell.run_id in logged]
    seconds = [median(run[SECONDS]) for run in runs if run[SECONDS]]
    memory = [max(run[MEMORY]) for run in runs if run[MEMORY]]
    return TrainingCost(
        steps,
        config.optim.batch,
        price.parameters if price and price.parameters else None,
        price.of("flops", steps) / steps if price else None,
        fmean(seconds) if seconds else None,
        max(memory, default=None),
    )


def _logged(store: Store, run_ids: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in store.lines("series", run_ids, name=[SECONDS, MEMORY]):
        found[line["run_id"]][line["name"]].append(line["value"])
    return found


def frame(table: TableResult) -> pd.DataFrame:
    """Make a line for each row that trains; columns without any entry are left out."""
    rows = [
        {
            "Row": row.label,
            "Steps": str(row.cost.steps),
            "Samples a step": str(row.cost.batch),
            "Trained parameters (M)": _number(row.cost.parameters, 1e6, ".2f"),
            "GFLOP a step": _number(row.cost.flops, 1e9),
            "TFLOP in all": _number(row.cost.flops, 1e12 / row.cost.steps),
            "Seconds a step": _number(row.cost.seconds, 1),
            "Peak memory (GB)": _number(row.cost.memory_gb, 1),
        }
        for row in table.rows
        if row.cost
    ]
    made = pd.DataFrame(rows, dtype=object)
    return made[[name for name in made.columns if (made[name] != NONE).any()]]


def _number(value: float | None, unit: float, form: str = ".3g") -> str:
    return NONE if value is None else f"{value / unit:{form}}"


def notes(table: TableResult) -> list[str]:
    """Say how to read the costs, if the table has any."""
    if not any(row.cost for row in table.rows):
        return []
    return [
        "Training cost: parameters are those of the student and an auxiliary network, FLOPs are counted (all that is "
        "done once is spread over the steps; not the drift itself, and no pairs that a track keeps), seconds are the "
        "median logged step of each run, a mean over runs, and memory the most that a run's process held, libraries "
        "and earlier runs of the same process among it. Seconds are of the machines that trained the runs, often "
        "beside other work: compare methods by FLOPs."
    ]
