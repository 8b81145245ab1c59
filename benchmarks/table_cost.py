"""What the tables cost: wall seconds of every run behind them, by stage and by phase of a training step.

    python benchmarks/table_cost.py [FILE.yaml ...] [key=value ...] [--results DIR] [--workers 2]

Reads the results folder of finished sweeps and trains nothing (default: sweeps/table3.yaml, sweeps/table4.yaml in
results/). Stages are the `stage_finished` events of a run; phases are the `seconds/...` columns of its training log.
A table's time is the sum over its runs over the number of workers, one core each: what an otherwise idle machine
needs if no worker waits. Runs that several tables share are counted in each table, but once in the total.
"""

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from fpd_bench.config.sweeps.spec import Table, load_sweep
from fpd_bench.errors import FpdError
from fpd_bench.records import layout
from fpd_bench.store.ingest import ingest
from fpd_bench.store.query import Store

STAGES = ("train", "sample", "evaluate")
PHASE = "seconds/"
SWEEPS = ["sweeps/table3.yaml", "sweeps/table4.yaml"]


@dataclass(frozen=True)
class Cost:
    """Of one run. stages: seconds; phases: mean seconds per training step, `step` being the whole step."""

    stages: dict[str, float]
    phases: dict[str, float]

    @property
    def seconds(self) -> float:
        return sum(self.stages.values())


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 0, or 2 for wrong usage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("asked", nargs="*", metavar="FILE|key=value", help="sweep files and overrides")
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--workers", type=int, default=2, help="processes that shared the work (default: 2)")
    options = parser.parse_intermixed_args(arguments)
    if options.workers < 1:
        parser.error(f"--workers must be 1 or more; got {options.workers}.")
    try:
        report(options)
    except FpdError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def report(options: argparse.Namespace) -> None:
    overrides = [word for word in options.asked if "=" in word]
    files = [Path(word) for word in options.asked if "=" not in word] or [Path(name) for name in SWEEPS]
    sweeps = [load_sweep(path, overrides) for path in files]
    tables = [(f"{sweep.name}{table.id}", table) for sweep in sweeps for table in sweep.tables]
    costs = read_costs(options.results, {cell.run_id for _, table in tables for cell in table.cells})
    if not costs:
        commands = " ".join(f"python -m fpd_bench.sweep {path}" for path in files)
        print(f"No finished run of these sweeps in {options.results}. First: {commands}")
        return
    print_tables(tables, costs, options.workers)
    print_runs(tables, costs)
    print_phases(tables, costs)


def read_costs(results: Path, run_ids: set[str]) -> dict[str, Cost]:
    """Costs of the finished runs among `run_ids`, by id."""
    ingest(results)
    with Store(results) as store:
        done = {run.run_id: run.folder for run in store.runs(sorted(run_ids)).values() if run.status == "done"}
    return {run_id: read_cost(folder) for run_id, folder in done.items()}


def read_cost(folder: Path) -> Cost:
    stages = dict.fromkeys(STAGES, 0.0)
    for event in layout.read_jsonl(folder / layout.EVENTS):
        if event.get("kind") == "stage_finished" and event.get("stage") in stages:
            stages[event["stage"]] += event.get("seconds") or 0.0
    seen: dict[str, list[float]] = defaultdict(list)
    for row in layout.read_jsonl(folder / layout.TRAIN):
        for name, value in row.items():
            if name.startswith(PHASE):
                seen[name.removeprefix(PHASE)].append(value)
    return Cost(stages, {name: mean(values) for name, values in seen.items()})


def print_tables(tables: list[tuple[str, Table]], costs: dict[str, Cost], workers: int) -> None:
    print(f"| table | runs done | {' | '.join(f'{stage} s' for stage in STAGES)} | sum s | min on {workers} workers |")
    print("|---|" + "---:|" * (len(STAGES) + 3))
    everything: set[str] = set()
    for name, table in tables:
        runs = {cell.run_id for cell in table.cells}
        everything |= runs
        print(summary(name, runs, costs, workers))
    print(summary("all, each run once", everything, costs, workers))


def summary(name: str, runs: set[str], costs: dict[str, Cost], workers: int) -> str:
    done = [costs[run_id] for run_id in runs if run_id in costs]
    total = sum(cost.seconds for cost in done)
    cells = [f"{sum(cost.stages[stage] for cost in done):.0f}" for stage in STAGES]
    return f"| {name} | {len(done)} of {len(runs)} | {' | '.join(cells)} | {total:.0f} | {total / workers / 60:.1f} |"


def print_runs(tables: list[tuple[str, Table]], costs: dict[str, Cost]) -> None:
    print(f"\n| table | row | seed | run | {' | '.join(f'{stage} s' for stage in STAGES)} | sum s |")
    print("|---|---|---:|---|" + "---:|" * (len(STAGES) + 1))
    for name, table in tables:
        for cell in table.cells:
            if cost := costs.get(cell.run_id):
                stages = " | ".join(f"{cost.stages[stage]:.1f}" for stage in STAGES)
                print(f"| {name} | {cell.row_id} | {cell.seed} | {cell.run_id} | {stages} | {cost.seconds:.1f} |")


def print_phases(tables: list[tuple[str, Table]], costs: dict[str, Cost]) -> None:
    """ms per training step, mean over the seeds of a row and over its logged steps."""
    rows = {}
    for name, table in tables:
        for row in table.rows:
            runs = {cell.run_id for cell in table.cells if cell.row_id == row.id}
            phases = [costs[run_id].phases for run_id in sorted(runs) if run_id in costs and costs[run_id].phases]
            if phases:
                rows[f"| {name} | {row.id} |"] = {phase: mean(one[phase] for one in phases) for phase in phases[0]}
    names = list(dict.fromkeys(phase for row in rows.values() for phase in row if phase != "step"))
    print(f"\nms per step\n\n| table | row | {' | '.join([*names, 'step'])} |\n|---|---|" + "---:|" * (len(names) + 1))
    for label, row in rows.items():
        cells = [f"{1000 * row[phase]:.1f}" if phase in row else "" for phase in [*names, "step"]]
        print(label, " | ".join(cells), "|")


if __name__ == "__main__":
    sys.exit(main())
