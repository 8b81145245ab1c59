"""Seconds and memory of a report over many runs: all its tables, and one of them.

    python benchmarks/report_scale.py                          10,000 runs, 20 million items: 15 minutes, 15 GB of disk
    python benchmarks/report_scale.py --tables 4 --items 100
    python benchmarks/report_scale.py --keep /tmp/scale        and use the same runs again

Runs with real files are written for a sweep of many tables and read into the index first; then the command itself is
timed, each time in a process of its own. The same runs are also reported as a tenth of the tables, of ten times the
rows. Goals: the whole report < 30 s, one table < 2 s, memory < 2 GB.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import store_rates

from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.store import ingest

ROWS, SEEDS = 10, 5


def main() -> int:
    """Make the runs, index them, time the reports, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=200, help=f"of {ROWS} rows and {SEEDS} seeds (default: 200)")
    parser.add_argument("--items", type=int, default=500, help="prompts of a run, of 4 images each (default: 500)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder for the runs (default: one that is removed)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fpd-report-scale-") as scratch:
        measure(asked.keep or Path(scratch), asked.tables, asked.items)
    return 0


def measure(folder: Path, tables: int, items: int) -> None:
    """Print seconds, CPU seconds and peak memory of each report."""
    every, one = write_sweep(folder, "every", tables, ROWS), write_sweep(folder, "one", 1, ROWS)
    wide = write_sweep(folder, "wide", max(tables // 10, 1), min(tables, 10) * ROWS)
    runs = make_runs(every, folder / "results", items)
    print(f"{len(runs):,} runs, {len(runs) * items * store_rates.REPLICATES:,} items", file=sys.stderr)
    print("| report | seconds | of them CPU | peak memory, MB |\n|---|---:|---:|---:|")
    for what, words in {
        "one table": [str(one), "--no-figures"],
        "one table with figures": [str(one)],
        f"{tables} tables of {ROWS} rows": [str(every), "--no-figures"],
        f"{max(tables // 10, 1)} tables of {min(tables, 10) * ROWS} rows": [str(wide), "--no-figures"],
        "the same with figures": [str(wide)],
        "--help": ["--help"],
    }.items():
        seconds, used, peak = timed([*words, "--results", str(folder / "results"), "--out", str(folder / "report")])
        print(f"| {what} | {seconds:.1f} | {used:.1f} | {peak:,.0f} |", flush=True)


def write_sweep(folder: Path, name: str, tables: int, rows: int) -> Path:
    """Write a sweep of so many tables; the n-th row of them all has the n-th learning rate."""
    folder.mkdir(parents=True, exist_ok=True)
    seeds = ", ".join(str(seed) for seed in range(SEEDS))
    lines = [f"name: {name}", f"seeds: [{seeds}]", "tables:"]
    for table in range(tables):
        rates = [f"{1e-5 * (1 + table * rows + row):.6g}" for row in range(rows)]
        lines += [f"  - id: t{table}", f"    caption: Table {table}", f"    grid: ['optim.lr={','.join(rates)}']"]
        lines += ["    baseline: r0", "    rows:"]
        lines += [f"      - {{id: r{n}, label: Row {n}, where: {{optim.lr: {r}}}}}" for n, r in enumerate(rates)]
        lines += ["    claims:", "      - {better: r1, worse: r0, text: Row 1 is better}"]
    path = folder / f"{name}.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


def make_runs(sweep: Path, results: Path, items: int) -> list[str]:
    """Write the runs of the sweep that are not there yet and read them into the index."""
    cells = load_sweep(sweep).runs()
    began = time.perf_counter()
    for n, (run_id, config) in enumerate(cells.items()):
        if not (results / "runs" / run_id / "DONE").exists():
            store_rates.write_run(results / "runs" / run_id, config, n, items)
    ingest.ingest(results)
    print(f"written and indexed in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return list(cells)


def timed(words: list[str]) -> tuple[float, float, float]:
    """Carry out one report; return its seconds, its CPU seconds and its peak memory in MB."""
    began = time.perf_counter()
    done = subprocess.Popen([sys.executable, "-m", "fpd_bench.report", *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(done.pid, 0)
    if status:
        raise SystemExit(f"report {' '.join(words)} ended with {status}")
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    os.environ.pop("FPD_STORE_URL", None)
    sys.exit(main())
