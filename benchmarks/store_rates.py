"""How fast the index is: first ingest, ingest of nothing new, of a few changed runs, rebuild, check.

    python benchmarks/store_rates.py
    python benchmarks/store_rates.py --runs 500 --items 553
    python benchmarks/store_rates.py --url postgresql+psycopg://bench@/postgres?host=/tmp/pg

Run directories with real files (configuration, events, training log, provenance, scores, DONE) are written to a
temporary folder first. Rates count all that an ingest does: stat, read, hash, insert, commit.
"""

import argparse
import hashlib
import json
import os
import random
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import yaml

from fpd_bench.config.schema import RunConfig
from fpd_bench.store import ingest
from fpd_bench.store.query import Store

TASKS = ("single_object", "two_object", "counting", "colors", "position", "color_attr")
REPLICATES = 4
TRAIN_LINES = 50  # log_every=20 over 1,000 steps
FILES = {f"package/module_{n}.py": hashlib.sha256(str(n).encode()).hexdigest() for n in range(80)}


def main() -> int:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python benchmarks/store_rates.py", description=__doc__, formatter_class=form)
    parser.add_argument("--runs", type=int, default=10_000, help="run directories (default: 10000)")
    parser.add_argument("--items", type=int, default=30, help="prompts per run, of 4 images each (default: 30)")
    parser.add_argument("--changed", type=int, default=10, help="runs that change before an ingest (default: 10)")
    parser.add_argument("--url", help="store.url of an empty database (default: SQLite beside the runs)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fpd-store-rates-") as folder:
        measure(Path(folder), asked)
    return 0


def measure(results: Path, asked: argparse.Namespace) -> None:
    """Print one line per thing measured."""
    began = time.perf_counter()
    for n in range(asked.runs):
        write_run(results / "runs" / f"{n:012x}", replace(RunConfig(), seed=n), n, asked.items)
    print(f"{asked.runs} run directories written in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    rows, items = [], asked.runs * asked.items * REPLICATES

    def timed(what: str, act, runs: int, scored: int) -> None:
        began, used = time.perf_counter(), time.process_time()
        found = act()
        seconds, used = time.perf_counter() - began, time.process_time() - used
        print(f"{what}: {seconds:.2f} s, {found}", file=sys.stderr)
        rows.append((what, runs, scored, seconds, used))

    timed("first ingest", lambda: ingest.ingest(results, asked.url), asked.runs, items)
    timed("ingest, nothing new", lambda: ingest.ingest(results, asked.url), asked.runs, 0)
    for n in range(asked.changed):
        write_run(results / "runs" / f"{n:012x}", replace(RunConfig(), seed=n + 1), n + 1, asked.items)
    timed(f"ingest, {asked.changed} changed", lambda: ingest.ingest(results, asked.url), asked.runs, 0)
    before = content(results, asked.url)
    timed("rebuild", lambda: ingest.rebuild(results, asked.url), asked.runs, items)
    same = content(results, asked.url) == before
    print("\n| what | runs | seconds | of them CPU | runs/s | items/s |\n|---|---|---|---|---|---|")
    for what, runs, scored, seconds, used in rows:
        rate = f"{scored / seconds:,.0f}" if scored else ""
        print(f"| {what} | {runs:,} | {seconds:.2f} | {used:.2f} | {runs / seconds:,.0f} | {rate} |")
    size = "" if asked.url else f", index of {(results / 'index.sqlite').stat().st_size / 2**20:.0f} MB"
    print(f"\n{asked.items * REPLICATES} items per run{size}; rebuilt content {'identical' if same else 'DIFFERENT'}.")


def content(results: Path, url: str | None) -> str:
    with Store(results, url) as store:
        return store.content_hash()


def write_run(folder: Path, config: RunConfig, n: int, items: int) -> None:
    """Write the files of a finished run that the index reads, with contents of the real sizes; n varies the scores."""
    rng = random.Random(n)
    texts = {
        "config.yaml": yaml.dump(asdict(config), Dumper=yaml.CSafeDumper),
        "run.json": json.dumps({"run_id": folder.name, "config_schema": 1, "created": "2026-11-24T09:00:00Z"}),
        "attempts/1.json": json.dumps({"host": "node7", "code": {"files": FILES}, "command": ["python", "sweep"]}),
        "events.jsonl": lines(_events()),
        "train.jsonl": lines({"step": 20 * k, "loss": 2 + n / (k + 1), "ema": 0.1} for k in range(TRAIN_LINES)),
        "eval/test.jsonl": lines(_items(rng, items)),
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "student.safetensors").write_bytes(b"x" * 100)  # only looked at from outside
    digest = hashlib.sha256(texts["eval/test.jsonl"].encode()).hexdigest()
    done = {"run_id": folder.name, "status": "done", "finished": "2026-11-24T10:00:00Z"}
    (folder / "DONE").write_text(json.dumps(done | {"files": {"eval/test.jsonl": digest}}))


def _events():
    kinds = ["attempt_started", *(["progress"] * 30), "stage_finished", "finished"]
    for n, kind in enumerate(kinds):
        yield {"seq": n, "attempt": 1, "time": f"2026-11-24T09:00:{n:02d}Z", "kind": kind, "seconds": 10.5}


def _items(rng: random.Random, items: int):
    for n in range(items):
        for replicate in range(REPLICATES):
            key = {"item": f"{TASKS[n % 6]}-{n:03d}", "replicate": replicate, "task": TASKS[n % 6]}
            detail = {"reason": "expected another colour", "found": [["circle", "red", 0.93], ["square", "blue", 0.88]]}
            yield key | {
                "prompt": f"a red circle left of {n} squares",
                "score": float(rng.random() < 0.5),
                "detail": detail,
            }


def lines(rows) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


if __name__ == "__main__":
    os.environ.pop("FPD_STORE_URL", None)
    sys.exit(main())
