"""How often our intervals and verdicts are wrong on real runs that do not differ: one configuration, many seeds.

  python -m fpd_bench.sweep sweeps/same_configuration.yaml
  python benchmarks/same_configuration.py
  python benchmarks/same_configuration.py --sweep sweeps/table3.yaml --row ste --results results

The seeds are dealt anew, thousands of times, into rows of 3, 5 and 8: each deal is a table in which no row is better
than another. Deals of the same runs depend on each other, so errors are jackknifed over runs.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from simulated import counting

from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.evals.statistics.score_table import Scores
from fpd_bench.reporting.row_results import RowMaker, cells_by_seed
from fpd_bench.store.ingest import ingest
from fpd_bench.store.query import Store

SEEDS = (3, 5, 8)
LEAST_ROWS = 3  # a deal has a baseline and a pair beside it, also when a run is left out


def scores_of(sweep_file: Path, row_id: str, results: Path) -> Scores:
    """Read the scores of all seeds of a row. Raises SystemExit, in words, if they are not all there."""
    ingest(results)
    sweep = load_sweep(sweep_file, [])
    table, row = next((table, row) for table in sweep.tables for row in table.rows if row.id == row_id)
    with Store(results) as store:
        found = RowMaker(table, sweep.metric, store)(row, cells_by_seed(table, row))
    if found.scores is None:
        raise SystemExit(f"{found.state}. First: python -m fpd_bench.sweep {sweep_file} --results {results}")
    return found.scores


def deal(means: NDArray[np.float64], seeds: int, tables: int, stream: np.random.Generator) -> NDArray[np.float64]:
    """Deal the runs [N, P] into rows of so many seeds: [tables, N // seeds, seeds, P]."""
    rows = len(means) // seeds
    order = stream.permuted(np.tile(np.arange(len(means)), (tables, 1)), axis=1)[:, : rows * seeds]
    return means[order].reshape(tables, rows, seeds, -1)


def shares(scores: Scores, kept: NDArray[np.int64], seeds: int, tables: int) -> dict[str, float]:
    """Count over so many deals of the kept runs, by the names of simulated/counting.py."""
    dealt = deal(scores.prompt_means[kept], seeds, tables, np.random.default_rng(seeds))
    counts = counting.of_items([dealt], scores.weights, scores.strata)
    return {name: share.value for name, share in counts.items() if name != "best"}


def line(scores: Scores, seeds: int, tables: int) -> str:
    """Write one line of the table: each share in percent with its jackknifed standard error."""
    every = np.arange(len(scores.seeds))
    found = shares(scores, every, seeds, tables)
    without = [shares(scores, np.delete(every, n), seeds, tables) for n in every]
    cells = []
    for name in ("rows", "one", "family 1", "family 4", "family 6"):
        if name not in found or any(name not in one for one in without):
            cells.append("")
            continue
        left_out = np.array([one[name] for one in without])
        error = np.sqrt((len(every) - 1) * np.mean((left_out - left_out.mean()) ** 2))
        cells.append(f"{100 * found[name]:.1f} ± {100 * error:.1f}")
    return f"| {seeds} | " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweep", type=Path, default=Path("sweeps/same_configuration.yaml"))
    parser.add_argument("--row", default="ste", help="the row whose seeds are dealt (default: ste)")
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--tables", type=int, default=2000, help="deals a line (default: 2000)")
    options = parser.parse_args()
    scores = scores_of(options.sweep, options.row, options.results)
    spread = scores.per_seed.std(ddof=1)
    print(f"{len(scores.seeds)} runs, score {scores.per_seed.mean():.3f}, SD over seeds {spread:.3f}, in percent:\n")
    print("| seeds | rows covered | one verdict false | family of 1 | 4 | 6 |")
    print("|---:|---:|---:|---:|---:|---:|")
    for seeds in SEEDS:
        if len(scores.seeds) > LEAST_ROWS * seeds:
            print(line(scores, seeds, options.tables), flush=True)


if __name__ == "__main__":
    main()
