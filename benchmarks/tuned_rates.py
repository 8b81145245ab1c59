"""Which learning rate was best for each method on validation data, and whether the tables train with it.

    python benchmarks/tuned_rates.py [--reports reports]

Reads the reports of sweeps/tuning_digits.yaml and sweeps/tuning_shapes.yaml and the rates in sweeps/table2.yaml and
sweeps/table1.yaml; trains nothing. Writes tuned_rates.md into the same folder. Exit code: 0 all tables train with the
best rates, 1 one does not or a tuning run is missing, 2 wrong usage.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from fpd_bench import metrics
from fpd_bench.config.identity import run_id, trains
from fpd_bench.config.schema import EvaluationConfig, RunConfig
from fpd_bench.config.sweeps.cells import Cell, Sweep
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.errors import FpdError
from fpd_bench.reporting.results import file_name

SWEEPS = Path(__file__).parent.parent / "sweeps"
PAIRS = {"tuning_digits": "table2", "tuning_shapes": "table1"}  # {where rates are chosen: where they are used}


@dataclass(frozen=True)
class TunedRow:
    """A row of a table that trains. rate: its learning rate; scores: {rate: score on validation data, None without};
    best: the rate of the best score, None as long as one is missing."""

    label: str
    rate: float
    scores: dict[float, float | None]
    best: float | None


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=Path, default=Path("reports"), metavar="DIR", help="default: reports")
    folder = parser.parse_args(arguments).reports
    try:
        found = {tuning: tuned_rows(tuning, table, folder) for tuning, table in PAIRS.items()}
    except FpdError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if not folder.is_dir():
        parser.error(f"--reports: there is no folder {folder}.")
    text = "\n".join(["<!-- Made by benchmarks/tuned_rates.py -->\n", "# Learning rates chosen on validation data\n"])
    text += "".join(_page(tuning, rows) for tuning, rows in found.items())
    (folder / "tuned_rates.md").write_text(text, encoding="utf-8")
    print(text)
    wrong = [line for tuning, rows in found.items() for line in _to_do(tuning, rows)]
    print("\n".join(wrong) or "All tables train with the best rates.", file=sys.stderr)
    return 1 if wrong else 0


def tuned_rows(tuning: str, table: str, reports: Path) -> list[TunedRow]:
    """Find for each row of `table` that trains what the same training scored at each rate of `tuning`."""
    tried, used = load_sweep(SWEEPS / f"{tuning}.yaml"), load_sweep(SWEEPS / f"{table}.yaml")
    scores = _scores(tried, reports)
    names = {row.id: row.label for one in used.tables for row in one.rows}
    rows = []
    for cell in used.cells:
        if cell.seed == used.seeds[0] and trains(cell.config):
            same = [one for one in tried.cells if training_key(one.config) == training_key(cell.config)]
            rows.append(_row(names[cell.row_id], cell, {one.config.optim.lr: scores.get(one.row_id) for one in same}))
    return [replace(row, best=_best(row.scores, metrics.get(tried.metric).sign)) for row in rows]


def training_key(config: RunConfig) -> str:
    """Name a training but for its learning rate and seed, and for how its student is looked at."""
    return run_id(replace(config, seed=0, optim=replace(config.optim, lr=1e-4), evaluation=EvaluationConfig()))


def _row(label: str, cell: Cell, scores: dict[float, float | None]) -> TunedRow:
    return TunedRow(label, cell.config.optim.lr, dict(sorted(scores.items())), None)


def _scores(tried: Sweep, reports: Path) -> dict[str, float]:
    """Read {row: score} from the sweep's report; nothing if there is none."""
    found: dict[str, float] = {}
    for table in tried.tables:
        path = reports / f"{file_name(tried.name, table.id)}.csv"
        if path.is_file():
            frame = pd.read_csv(path).dropna(subset=["score"])
            found |= dict(zip(frame.row, frame.score, strict=True))
    return found


def _best(scores: dict[float, float | None], sign: int) -> float | None:
    known = {rate: sign * score for rate, score in scores.items() if score is not None}
    return max(known, key=known.__getitem__) if known and len(known) == len(scores) else None


def _page(tuning: str, rows: list[TunedRow]) -> str:
    rates = sorted({rate for row in rows for rate in row.scores})
    sweep = load_sweep(SWEEPS / f"{tuning}.yaml")
    metric = metrics.get(sweep.metric)
    head = f"\n## {sweep.tables[0].caption} (`sweeps/{tuning}.yaml`)\n\n"
    head += f"| {metric.heading} | {' | '.join(f'{rate:g}' for rate in rates)} | best | sweeps/{PAIRS[tuning]}.yaml |\n"
    head += "|---|" + "---:|" * (len(rates) + 2) + "\n"
    lines = []
    for row in rows:
        given = [row.scores.get(rate) for rate in rates]
        cells = ["–" if score is None else f"{score:.{metric.digits}f}" for score in given]
        best = "–" if row.best is None else f"{row.best:g}"
        lines.append(f"| {row.label} | {' | '.join(cells)} | {best} | {row.rate:g} |\n")
    return head + "".join(lines)


def _to_do(tuning: str, rows: list[TunedRow]) -> list[str]:
    """Say what is left to do, a line for each row."""
    said = []
    for row in rows:
        if not row.scores:
            said.append(f"{PAIRS[tuning]}, {row.label}: sweeps/{tuning}.yaml does not tune it.")
        elif row.best is None:
            said.append(f"{PAIRS[tuning]}, {row.label}: a run is missing. Run: python -m fpd_bench.sweep {tuning}")
        elif row.best != row.rate:
            said.append(f"{PAIRS[tuning]}, {row.label}: write optim.lr={row.best:g}; it has optim.lr={row.rate:g}.")
    return said


if __name__ == "__main__":
    sys.exit(main())
