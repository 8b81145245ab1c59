"""A sweep of many tiny cells, local, against the cells' own seconds: what the house adds to the work.

    python benchmarks/tiny_sweep.py [--cells 200] [--workers 2]

The command itself, from its start to its end, over the seconds that the cells' own stages took (train, sample,
evaluate, as each run has written down), divided by the workers. Wall time: the machine must be at rest. Goal: 1.10.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from side_by_side import Row, report

from fpd_bench.records import layout

SWEEP = {
    "name": "tiny",
    "metric": "overall",
    "profiles": {
        "embedded": [
            "optim.steps=5",
            "optim.warmup=1",
            "optim.batch=32",
            "evaluation.images_per_prompt=1",
            "execution.checkpoint_every=0",
            "execution.threads=1",
        ]
    },
    "tables": [
        {
            "id": "a",
            "caption": "Nothing",
            "grid": ["estimator=soft,ste"],
            "rows": [{"id": name, "label": name, "where": {"estimator": name}} for name in ("soft", "ste")],
        }
    ],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fpd-tiny-sweep-") as name:
        folder = Path(name)
        sweep = folder / "tiny.yaml"
        sweep.write_text(yaml.safe_dump(SWEEP | {"seeds": list(range(asked.cells // 2))}))
        words = [
            str(sweep),
            "executor=local",
            f"executor.workers={asked.workers}",
            "--results",
            str(folder / "results"),
        ]
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "fpd_bench.sweep", *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False,
        )  # fmt: skip
        wall = time.perf_counter() - began
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        runs = [*(folder / "results" / layout.RUNS).iterdir()]
        own = sum(seconds_of(run) for run in runs) / asked.workers
    what = f"sweep of {len(runs)} tiny cells, local, {asked.workers} workers (wall)"
    report(Row(what, "their own seconds / workers", f"{wall:.1f} s", f"{own:.1f} s", wall / own, 1, 0.0, "<= 1.10"))


def seconds_of(run: Path) -> float:
    """Add up the seconds of a run's stages."""
    events = [json.loads(line) for line in (run / layout.EVENTS).read_text().splitlines()]
    return sum(event.get("seconds") or 0.0 for event in events if event["kind"] == "stage_finished")


if __name__ == "__main__":
    main()
