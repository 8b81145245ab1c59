"""One sweep, killed again and again, followed by the same command until it is done, and compared with the undisturbed.

A `Bench` is a sweep file with its undisturbed results. Commands run in forks of this process, which has loaded torch
once, or (`pool`) as fresh processes with a worker pool.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import fault_points

SECONDS = 600  # the most that one command may take
NOTHING_YET = "nothing was written"  # of a report before any run has ended
POOL_POINTS = {  # target of a kill at a worker's point: who dies
    "create": ("self",), "claim": ("parent", "group", "self"), "record": ("parent", "group", "self"),
    "train": ("self", "parent"), "checkpoint": ("self", "parent"), "sample": ("self",), "evaluate": ("self",),
    "finish": ("self", "parent"), "release": ("self", "group"),
}  # fmt: skip
DELAYED = ("checkpoint", "student", "ingest")  # points behind which C++ or Rust writes


@dataclass
class Bench:
    """file: a sweep; folder: where its results may lie."""

    name: str
    file: Path
    folder: Path
    overrides: tuple[str, ...] = ()
    counts: dict = field(default_factory=dict)  # door -> {point: operations of an undisturbed command}
    seconds: float = 0.0
    expected: dict = field(default_factory=dict)

    @cached_property
    def run_ids(self):
        """Composing them costs as much as a tiny run, so it is done once, before the forks."""
        from fpd_bench.config.sweeps.spec import load_sweep

        return list(load_sweep(str(self.file), list(self.overrides)).runs())

    def arguments(self, results, *more):
        return [str(self.file), *self.overrides, *more, "--results", str(results)]

    def prepare(self):
        """Do the sweep once without a kill; what it gives is what every trial must give."""
        results = self.folder / "undisturbed"
        began = time.monotonic()
        for door in ("sweep", "report"):
            ledger = self.folder / f"counts-{door}"
            ledger.mkdir(parents=True)
            ended, text = command(self, door, results, [], ledger)
            assert ended == 0, f"the undisturbed {door} ended with {ended}:\n{text}"
            self.counts[door] = json.loads((ledger / "counts").read_text())
            if door == "sweep":
                self.seconds = time.monotonic() - began
        self.expected = outcome(self, results)


def command(bench, door, results, kills, ledger):
    """`door` of fpd_bench in a fork: (exit code, or minus the signal; what it printed)."""
    log = ledger / f"log-{time.monotonic_ns()}"
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return _wait(pid), log.read_text(errors="replace") if log.exists() else ""
    code = 99
    try:
        os.setsid()
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        counts = {}
        fault_points.arm(results, kills, str(ledger), counts)
        code = _door(bench, door, results)
        if not kills:
            (ledger / "counts").write_text(json.dumps(counts))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 98)


def _door(bench, door, results):
    from fpd_bench import report, sweep, worker
    from fpd_bench.records import layout
    from fpd_bench.store import __main__ as store

    if door == "sweep":
        return sweep.main(bench.arguments(results, "executor=inline"))
    if door == "worker":
        # A directory that a killed sweep has only half made is refused (exit code 2); the sweep completes it.
        made = [run for run in _runs(bench, results) if (run.path / layout.CONFIG).exists()]
        todo = [run for run in made if not run.is_done()]
        return max((worker.main([str(run.path)]) for run in todo), default=0)
    if door == "check":
        return store.main(["check", "--results", str(results)])
    words = [str(bench.file), *bench.overrides, "--results", str(results), "--out", f"{results}-reports"]
    return report.main([*words, "--no-figures"])


def pool(bench, results, kills, ledger, environment):
    """The sweep's command in fresh processes, one worker: (exit code, what it printed)."""
    site = ledger / "site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text("import fault_points\nfault_points.arm_from_environment()\n")
    asked = {"results": str(results), "ledger": str(ledger), "kills": kills}
    variables = environment | {fault_points.VARIABLE: json.dumps(asked)}
    variables["PYTHONPATH"] = os.pathsep.join([str(site), environment["PYTHONPATH"]])
    words = [sys.executable, "-m", "fpd_bench.sweep", *bench.arguments(results, "executor.workers=1")]
    log = ledger / f"log-{time.monotonic_ns()}"
    with log.open("w") as file:
        process = subprocess.Popen(
            words, cwd=ledger, env=variables, stdout=file, stderr=file, start_new_session=True
        )  # elsewhere than in the tree, which `-m` would put first on the path
        try:
            code = process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            code = "timeout"
    return code, log.read_text(errors="replace")


def random_kill(bench, door, rng, n):
    """A kill for a command at `door`."""
    kill = {"name": f"kill-{n}", "nth": 1, "delay": 0.0, "target": "self", "worker": True}
    if door == "pool":
        point = rng.choice(list(POOL_POINTS))
        kill |= {"target": rng.choice(POOL_POINTS[point]), "worker": point != "create"}
        counts = bench.counts["sweep"]
    elif rng.random() < 0.25 and door != "report":
        return kill | {"point": "time", "delay": rng.uniform(0, bench.seconds)}
    else:
        counts = bench.counts["report" if door == "report" else "sweep"]
        usual = ("read", "ingest") if door == "report" else (*fault_points.PLACES.values(), "release")
        points = [point for point in usual if counts.get(point)]
        point = rng.choice([point for point in points if door != "worker" or point != "create"])
    most = counts.get(point, 1)
    kill |= {"point": point, "nth": rng.randint(1, max(1, most if door != "worker" else most // 2))}
    return kill | {"delay": rng.choice([0.0, rng.uniform(0, 0.02)]) if point in DELAYED else 0.0}


@dataclass
class Tally:
    """hits: (bench, door, point, target) -> kills. bad: what was not as it should be."""

    hits: Counter = field(default_factory=Counter)
    bad: list = field(default_factory=list)
    survived: Counter = field(default_factory=Counter)
    commands: int = 0

    @property
    def kills(self):
        return sum(self.hits.values())


def trial(bench, number, kills, doors, rng, tally, environment):
    """One sweep with about `kills` kills, then the same command until it is done. True if all is as undisturbed."""
    results, ledger = bench.folder / f"trial-{number}", bench.folder / f"ledger-{number}"
    ledger.mkdir()
    mine, troubles, tries = Counter(), [], 0
    while mine.total() < kills and tries < 4 * kills:
        if mine and all(run.is_done() for run in _runs(bench, results)):
            break  # little is left to hit: the next sweep has more
        door = rng.choices(list(doors), list(doors.values()))[0]
        tries += 1
        planned = [random_kill(bench, door, rng, f"{tries}-{k}") for k in range(2 if door == "pool" else 1)]
        if door == "pool":
            ended, text = pool(bench, results, planned, ledger, environment)
        else:
            ended, text = command(bench, door, results, planned, ledger)
        tally.commands += 1
        done = [kill for kill in planned if (ledger / kill["name"]).exists()]
        mine.update((bench.name, door, kill["point"], kill["target"]) for kill in done)
        if not _fair(door, ended, done, text):
            troubles.append(f"{door} with {planned} ended with {ended}:\n{text[-3000:]}")
        troubles += [f"after {door} with {planned}: {word}" for word in _readable(bench, results)]
    troubles += _finish(bench, results, ledger, tally)
    tally.hits.update(mine)
    if troubles:
        tally.bad += [f"{bench.name}, trial {number}: {trouble}" for trouble in troubles]
    else:
        tally.survived.update(mine)
        for leftover in (results, ledger, Path(f"{results}-reports")):
            shutil.rmtree(leftover, ignore_errors=True)
    return not troubles


def outcome(bench, results):
    """What must not depend on kills: every run's files, how often each item is scored, and the tables' bytes."""
    from fpd_bench.records import layout

    found = {}
    for run in _runs(bench, results):
        items = Counter((row["item"], row["replicate"]) for rows in run.scores().values() for row in rows)
        log = [{k: v for k, v in row.items() if k in ("step", "loss")} for row in run.training_log()]
        files = (run.done() or {}).get("files")
        found[run.run_id] = {"files": files, "twice": [key for key, n in items.items() if n > 1], "n": len(items)}
        present = {name: layout.sha256(run.path / name) for name in files or {}}
        found[run.run_id] |= {
            "present": present,
            "log": log,
            "status": (run.done() or {}).get("status"),
            "damaged": run.damaged(),
        }
    pages = {path.name: path.read_text() for path in sorted(Path(f"{results}-reports").glob("[!.]*.*"))}
    return {"runs": found, "tables": pages, "folders": sorted(path.name for path in (results / "runs").iterdir())}


def _finish(bench, results, ledger, tally):
    """The same command without a kill, then the index and the tables; says what is not as undisturbed."""
    troubles = []
    for door in ("sweep", "check", "report"):
        end = time.monotonic() + SECONDS
        while True:  # a worker that outlived its orchestrator may still hold a run
            ended, text = command(bench, door, results, [], ledger)
            tally.commands += 1
            if ended == 0 or time.monotonic() > end or "already running" not in text:
                break
            time.sleep(1)
        if ended != 0:
            troubles.append(f"the last {door} ended with {ended}:\n{text[-3000:]}")
    found = outcome(bench, results)
    for part, expected in bench.expected.items():
        if found[part] != expected:
            wrong = [key for key in expected if not isinstance(expected, dict) or found[part].get(key) != expected[key]]
            troubles.append(f"{part} differ from the undisturbed: {wrong}")
    return troubles


def _fair(door, ended, done, text):
    """Whether a command may end like this."""
    if ended == 0 or (door == "report" and ended == 2 and NOTHING_YET in text):
        return True
    if done and (ended == -signal.SIGKILL or door == "pool"):
        return ended in (-signal.SIGKILL, 1)
    return ended == 1 and door in ("sweep", "worker", "pool")  # another process still had a run; the end will tell


def _readable(bench, results):
    """Whatever was killed, every run can be read, and is in a state that the next command understands."""
    from fpd_bench.runs.watch.state import state_of

    states = [state_of(run) for run in _runs(bench, results)]
    return [f"{state.run_id} is {state.state}: {state.message}" for state in states if state.state == "corrupt"]


def _runs(bench, results):
    from fpd_bench.runs.execute.sweep_plan import open_run

    return [open_run(results, name) for name in bench.run_ids]


def _wait(pid):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "timeout"
