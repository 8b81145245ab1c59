"""Kill sweeps and their workers with SIGKILL at random points, repeat the command until done, compare: nothing is lost.

    python benchmarks/faults.py --kills 20
    python benchmarks/faults.py --kills 0 --damages 200 --calls 100 --pairs 3
    nice -n 5 python benchmarks/faults.py --kills 200 --seed 1 > faults.log

A kill strikes just before a file operation (the nth write of a checkpoint, the rename of DONE, the claim, ...), a
few milliseconds behind one, or at any time. It hits a sweep with executor=inline, `worker RUN_DIR`, `report` while it
ingests, or a sweep with a worker pool: there its worker, its orchestrator (before or after the claim, between claim
and record, ...) or both. The sweeps are tiny ones of tests/plugin and, one kill in twenty, the shapes track with
6 steps. Ctrl-C ends the campaign with the counts so far.
--damages: a file of one run at one stage is cut, zeroed, flipped, garbage, a directory, a fifo, gone; then the command.
--calls: the nth write, fsync, rename, link or open on the results fails once; then the command again.
--pairs: two sweeps start at once on one empty PostgreSQL database (needs its programs: make services).
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
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
    parser.add_argument("--damages", type=int, default=0, help="files to damage (default: 0)")
    parser.add_argument("--calls", type=int, default=0, help="system calls to let fail (default: 0)")
    parser.add_argument("--pairs", type=int, default=0, help="pairs of sweeps on one database (default: 0)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-shapes", action="store_true", help="tiny sweeps only")
    asked = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job would be deaf to Ctrl-C
        signal.signal(number, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    environment = _copy_of_the_code(folder)
    import fault_trials

    tally, rng, began = fault_trials.Tally(), random.Random(asked.seed), time.monotonic()
    more = _beyond_kills(asked, folder, random.Random(asked.seed)) if asked.damages + asked.calls + asked.pairs else 0
    if not asked.kills:
        return _left(folder, more)
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
    return _left(folder, more)


def _left(folder: Path, wrong: int) -> int:
    """The exit code; the folder stays if something was wrong."""
    if not wrong:
        shutil.rmtree(folder)
    return int(wrong > 0)


def _beyond_kills(asked: argparse.Namespace, folder: Path, rng: random.Random) -> int:
    """Damage, failing calls and pairs of sweeps; prints a table of how each ended, gives how many went wrong."""
    import damage_trials as trials
    import fault_trials
    import tiny_runs

    place = folder / "beyond"
    place.mkdir()
    bench = fault_trials.Bench("tiny", tiny_runs.write_sweep(place), place, TINY)
    bench.prepare()
    todo: list[tuple[str, Callable[[int], str]]] = []
    for case in rng.sample(trials.cases(bench), min(asked.damages, len(trials.cases(bench)))):
        todo.append((f"{case[0]} at {case[1]}: {case[2]}", lambda n, case=case: trials.damage(bench, n, case)))
    for _ in range(asked.calls):
        call = rng.choice(list(trials.CALLS))
        nth = rng.randint(1, trials.MOST[call])
        todo.append((f"call {call}, {nth}th", lambda n, call=call, nth=nth: trials.failing_call(bench, n, call, nth)))
    ends, wrong = Counter(), []
    with _database() if asked.pairs else nullcontext("") as url:
        for n in range(asked.pairs):
            todo.append(("pair of sweeps", lambda k, n=n: trials.two_at_once(bench, k, _empty(url, n))))
        for number, (what, do) in enumerate(todo):
            try:
                end = do(number)
            except AssertionError as error:
                end = "WRONG"
                wrong.append(f"{what}: {error}")
                print(wrong[-1], file=sys.stderr, flush=True)
            words = what.split(": ")[-1] if " at " in what else what.partition(",")[0]
            ends[words, end] += 1
    kinds = sorted({kind for kind, _ in ends})
    print("| what | as undisturbed | told as corrupt | wrong |\n|---|---:|---:|---:|")
    for kind in [*kinds, "all"]:
        counts = [
            sum(n for (one, end), n in ends.items() if end == wanted and kind in (one, "all"))
            for wanted in ("as undisturbed", "told as corrupt", "WRONG")
        ]
        print(f"| {kind} | {' | '.join(map(str, counts))} |")
    return len(wrong)


@contextmanager
def _database() -> Iterator[str]:
    sys.path.append(str(ROOT / "tests" / "store"))
    from postgres import running_server

    with running_server() as url:
        yield url


def _empty(url: str, number: int) -> str:
    """The URL of a new database on the server."""
    import sqlalchemy as sa

    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE pair{number}"))
    engine.dispose()
    return url.replace("/postgres?", f"/pair{number}?")


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
