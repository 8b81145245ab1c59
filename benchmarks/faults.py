"""Kill sweeps and their workers with SIGKILL at random points, repeat the command until done, compare: nothing is lost.

    python benchmarks/faults.py --kills 20
    nice -n 5 python benchmarks/faults.py --kills 200 --seed 1 > faults.log

A kill strikes just before a file operation (the nth write of a checkpoint, the rename of DONE, the claim, ...), a
few milliseconds behind one, or at any time. It hits a sweep with executor=inline, `worker RUN_DIR`, `report` while it
ingests, or a sweep with a worker pool: there its worker, its orchestrator (before or after the claim, between claim
and record, ...) or both. The sweeps are tiny ones of tests/plugin and, one kill in twenty, the shapes track with
6 steps. Ctrl-C ends the campaign with the counts so far.
Survived: the runs' files, every item's score, the tables and the index are those of the undisturbed sweep.
Exit code: 0 all kills were survived, 1 some were not; what went wrong is printed and its folder kept.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

ROOT = Path(__file__).parents[1]
POOL_SHARE, SHAPES_SHARE = 0.1, 0.05  # of the kills; the dearest ones
IN_A_TRIAL = 6  # kills
FORKS = {"sweep": 6, "worker": 3, "report": 2}
SHAPES = """\
name: shapes
metric: overall
seeds: [0]
profiles:
  embedded: [optim.steps=6, optim.warmup=2, optim.batch=16, evaluation.images_per_prompt=1, evaluation.split=validation,
    optim.samples_per_condition=4, execution.log_every=1, execution.checkpoint_every=2, execution.grid_every=3]
tables:
  - id: a
    caption: Gradient routing
    grid: ["estimator=soft,ste"]
    rows:
      - {id: soft, label: Soft, where: {estimator: soft}}
      - {id: ste, label: STE, where: {estimator: ste}}
"""
TINY = ("seeds=[0]", "evaluation.images_per_prompt=64", "optim.steps=10", "execution.checkpoint_every=2")  # 2 shards


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="at least so many (default: 20)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-shapes", action="store_true", help="tiny sweeps only")
    asked = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job would be deaf to Ctrl-C
        signal.signal(number, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    environment = _copy_of_the_code(folder)
    import fault_trials

    tally, rng, began = fault_trials.Tally(), random.Random(asked.seed), time.monotonic()
    wanted = {"pool": POOL_SHARE, "shapes": 0 if asked.no_shapes else SHAPES_SHARE}
    wanted = {name: share for name, share in wanted.items() if share} | {"tiny": 1 - sum(wanted.values())}
    benches = _benches(fault_trials.Bench, folder, shapes="shapes" in wanted)
    number = 0
    while tally.kills < asked.kills:
        done = Counter(kind(key) for key in tally.hits.elements())
        now = min(wanted, key=lambda name: done[name] / wanted[name])  # whose share is furthest behind
        doors = {"pool": 1, "report": 0.2} if now == "pool" else FORKS
        bench, number = benches["shapes" if now == "shapes" else "tiny"], number + 1
        kills = min(IN_A_TRIAL, asked.kills - tally.kills)
        try:
            well = fault_trials.trial(bench, number, kills, doors, rng, tally, environment)
        except KeyboardInterrupt:
            break
        said = f"trial {number} ({now}): {'as undisturbed' if well else 'WRONG'}; {tally.kills} kills"
        print(f"{said}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        for trouble in tally.bad[-3:] if not well else ():
            print(trouble, file=sys.stderr, flush=True)
    print(table(tally))
    print(f"\n{tally.kills} kills in {number} sweeps, {tally.commands} commands, {time.monotonic() - began:.0f} s.")
    if tally.bad:
        print(f"{len(tally.bad)} things were wrong; the folders are kept in {folder}:\n" + "\n".join(tally.bad))
        return 1
    shutil.rmtree(folder)
    return 0


def kind(key: tuple[str, str, str, str]) -> str:
    """pool, tiny or shapes: what a kill counts towards."""
    bench, door, _, _ = key
    return "pool" if door == "pool" else bench


def table(tally) -> str:
    """Markdown: kills survived of those tried, by who was killed and where."""
    lines = ["| killed | at | survived | tried |", "|---|---|---:|---:|"]
    rows: dict[tuple[str, str], list[int]] = {}
    for (bench, door, point, target), n in tally.hits.items():
        who = {"sweep": "inline sweep", "worker": "worker command", "report": "report (ingest)"}.get(door, "")
        if door == "pool":
            worker = "orchestrator" if point == "create" else "pool worker"
            who = {"parent": "orchestrator", "group": "orchestrator and worker"}.get(target, worker)
        row = rows.setdefault((f"{who}, {bench}", point), [0, 0])
        row[0] += tally.survived[bench, door, point, target]
        row[1] += n
    lines += [f"| {who} | {point} | {well} | {tried} |" for (who, point), (well, tried) in sorted(rows.items())]
    return "\n".join([*lines, f"| all | | {tally.survived.total()} | {tally.kills} |"])


def _copy_of_the_code(folder: Path) -> dict[str, str]:
    """Work on a copy, so that editing the tree changes nothing in the middle; gives fresh processes' environment."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "fpd_bench", folder / "code" / "fpd_bench", ignore=ignore)
    shutil.copytree(ROOT / "tests" / "plugin", folder / "plugin", ignore=ignore)
    sys.path[:0] = [str(folder / "plugin"), str(folder / "code")]
    import fpd_bench

    assert fpd_bench.__file__.startswith(str(folder))
    import fpd_bench.distill.trainer
    import fpd_bench.reporting.write
    import fpd_bench.runs.perform.stages
    import fpd_bench.runs.perform.suite_images
    import fpd_bench.store.__main__  # torch and pandas once, for all forks

    return os.environ | {"PYTHONPATH": os.pathsep.join([str(folder / "plugin"), str(folder / "code")])}


def _benches(make, folder: Path, shapes: bool):
    import tiny_runs

    (folder / "shapes").mkdir()
    (folder / "tiny").mkdir()
    (folder / "shapes" / "shapes.yaml").write_text(SHAPES)
    benches = {"tiny": make("tiny", tiny_runs.write_sweep(folder / "tiny"), folder / "tiny", TINY)}
    if shapes:
        benches["shapes"] = make("shapes", folder / "shapes" / "shapes.yaml", folder / "shapes")
    for bench in benches.values():
        bench.prepare()
        print(f"{bench.name}: undisturbed in {bench.seconds:.0f} s, {bench.counts}", file=sys.stderr, flush=True)
    return benches


if __name__ == "__main__":
    sys.exit(main())
