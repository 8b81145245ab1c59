"""Seconds of CPU to read and check a sweep of many rows. Goal: 200 rows in 1 s, 2,000 in 3 s.

python benchmarks/load_sweep.py
"""

import statistics
import tempfile
import time
from pathlib import Path

from side_by_side import Row, number, report, spread

from fpd_bench.config.sweeps.spec import load_sweep

REPEATS = 5


def write(folder: Path, rows: int) -> Path:
    """A sweep with so many rows, one learning rate each."""
    rates = [f"{1e-5 * (n + 1):.6g}" for n in range(rows)]
    lines = [f"      - {{id: r{n}, label: Row {n}, where: {{optim.lr: {rate}}}}}" for n, rate in enumerate(rates)]
    path = folder / f"{rows}.yaml"
    path.write_text(
        "\n".join(["tables:", "  - id: a", f"    grid: ['optim.lr={','.join(rates)}']", "    rows:", *lines])
    )
    return path


def main() -> None:
    """Report the median over repeats; the first reading of each file parses every override anew."""
    with tempfile.TemporaryDirectory() as folder:
        for rows in (200, 2000):
            seconds = []
            for n in range(REPEATS):
                path = write(Path(folder), rows + n)  # other overrides, so that nothing is remembered
                began = time.process_time()
                load_sweep(path)
                seconds.append(time.process_time() - began)
            middle, limit = statistics.median(seconds), 1 if rows == 200 else 3
            what = f"`load_sweep` of {rows:,} rows, never read before"
            report(Row(what, "", f"{number(middle)} s", "", middle, REPEATS, spread(seconds), f"< {limit} s"))


if __name__ == "__main__":
    main()
