"""Seconds of `status` over 10,000 runs: the first look, and one after it. Goal: < 2 s.

    python benchmarks/status_scale.py [--runs 10000] [--items 50]

Finished runs with files of the real kinds are written first; the command is then called as a user calls it, with a
cache folder of its own. CPU seconds of the process, start included; wall seconds beside them. The first look reads
every file; a later one only looks whether any has changed, and one run is changed before it, so that it must notice.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import store_rates
from side_by_side import Row, number, report, spread

from fpd_bench.config.identity import semantic
from fpd_bench.config.schema import RunConfig

LATER = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--items", type=int, default=50, help="prompts of a run, of 4 images each (default: 50)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fpd-status-scale-") as name:
        folder = Path(name)
        for n in range(asked.runs):
            place = folder / "results" / "runs" / f"{n:012x}"
            write_run(place, n, asked.items)
        time.sleep(3)  # what was changed a moment ago is read again
        first = look(folder)
        scores = place / "eval" / "test.jsonl"
        scores.write_text(scores.read_text().replace("red", "red!", 1))
        later = [look(folder) for _ in range(LATER)]
    assert all(out.count("corrupt") >= 1 and out.count(" done") == asked.runs - 1 for _, _, out in later)
    cpu = sorted(used for used, _, _ in later)
    wall = sorted(seconds for _, seconds, _ in later)
    what = f"`status` over {asked.runs:,} runs"
    report(
        Row(f"{what}, first look", "its wall time", f"{first[0]:.1f} s CPU", f"{first[1]:.1f} s", first[0], 1),
        Row(
            f"{what}, every later look",
            "its wall time",
            f"{number(cpu[LATER // 2])} s CPU",
            f"{number(wall[LATER // 2])} s",
            cpu[LATER // 2],
            LATER,
            spread(cpu),
            "< 2 s",
        ),
    )


def write_run(place: Path, n: int, items: int) -> None:
    """Write a finished run; run.json says what it means, so that status has a label to find for it."""
    config = replace(RunConfig(), seed=n, estimator=("ste", "soft")[n % 7 == 0])
    config.optim.lr = (5e-4, 1e-3, 1e-4)[n % 3]
    store_rates.write_run(place, config, n, items)
    identity = json.loads((place / "run.json").read_text())
    (place / "run.json").write_text(json.dumps(identity | {"semantic": semantic(config)}))


def look(folder: Path) -> tuple[float, float, str]:
    """Call `status`; return its CPU seconds, its seconds and its table."""
    words = [sys.executable, "-m", "fpd_bench.status", "--results", str(folder / "results")]
    began = time.perf_counter()
    with (folder / "said").open("w") as said:
        done = subprocess.Popen(
            words, stdout=said, stderr=subprocess.DEVNULL, env=os.environ | {"XDG_CACHE_HOME": str(folder)}
        )
        _, status, usage = os.wait4(done.pid, 0)
    if status and os.waitstatus_to_exitcode(status) not in (0, 1):
        raise SystemExit(f"status ended with {status}")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - began, (folder / "said").read_text()


if __name__ == "__main__":
    main()
