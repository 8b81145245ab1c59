"""SIGKILL at a chosen file operation, without a hook in the code under test.

Python announces every open, rename, link and removal to audit hooks, just before it happens. So "the third write of
a checkpoint" is a moment that can be hit exactly, in this process or, through FPD_FAULTS, in a fresh one. What C++
or Rust write by themselves (torch.save, safetensors) is not announced; a random delay after the operation before it
reaches into that.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

VARIABLE = "FPD_FAULTS"
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
PLACES = {
    "run.json": "create", "config.yaml": "create", "claim.json": "claim", "attempts": "record", "train.jsonl": "train",
    "checkpoints": "checkpoint", "student.safetensors": "student", "samples": "sample", "eval": "evaluate",
    "DONE": "finish", "events.jsonl": "event",
}  # fmt: skip


def point_of(results, event, arguments):
    """Which part of a run's life a file operation belongs to; None if to none, or if it only reads a run."""
    if event not in ("open", "os.rename", "os.link", "os.remove", "shutil.rmtree"):
        return None
    path = arguments[1] if event in ("os.rename", "os.link") else arguments[0]
    if not isinstance(path, str | os.PathLike):
        return None
    text = os.fspath(path)
    if not isinstance(text, str) or not text.startswith(f"{results}/"):
        return None
    parts = Path(text[len(results) + 1 :]).parts
    writes = event != "open" or (isinstance(arguments[2], int) and arguments[2] & WRITES)
    if parts[0].startswith(("index.sqlite", ".index.sqlite")):
        return "ingest"
    if parts[0] != "runs" or len(parts) < 3:
        return None
    if not writes:
        return "read"
    name = parts[2].removeprefix(".")
    place = next((PLACES[key] for key in PLACES if name.startswith(key)), None)
    return "release" if place == "claim" and event == "os.remove" and parts[2] == "claim.json" else place


def arm(results, kills, ledger, counts=None):
    """Watch this process. A kill: {name, point, nth, delay, target}, done once, whichever process comes first to it.

    target: self, group (the orchestrator and its workers) or parent. delay: seconds between the operation and the
    kill. point "time": `delay` from now on. ledger: folder that gets a file per kill. counts: dict to count points in.
    """
    results, counts = str(results), {} if counts is None else counts

    def hook(event, arguments):
        point = point_of(results, event, arguments)
        if point is None:
            return
        counts[point] = counts.get(point, 0) + 1
        for kill in kills:
            if kill["point"] == point and kill["nth"] == counts[point]:
                _strike(kill, ledger, f"{event} {arguments[0]}")

    for kill in kills:
        if kill["point"] == "time":
            _strike(kill, ledger, f"after {kill['delay']:.3f} s")
    sys.addaudithook(hook)


def arm_from_environment():
    """For sitecustomize of a fresh process: the orchestrator of a sweep and its workers, not multiprocessing's own."""
    given = os.environ.get(VARIABLE)
    if given and "resource_tracker" not in " ".join(sys.orig_argv):
        asked = json.loads(given)
        worker = "spawn_main" in " ".join(sys.orig_argv)
        arm(asked["results"], [kill for kill in asked["kills"] if kill["worker"] == worker], asked["ledger"])


def _strike(kill, ledger, where):
    if kill["delay"]:
        threading.Thread(target=_kill, args=(kill, ledger, where, kill["delay"]), daemon=True).start()
    else:
        _kill(kill, ledger, where, 0)


def _kill(kill, ledger, where, delay):
    time.sleep(delay)
    try:
        descriptor = os.open(f"{ledger}/{kill['name']}", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        return
    os.write(descriptor, where.encode())
    if kill["target"] == "parent":
        os.kill(os.getppid(), signal.SIGKILL)
    else:
        os.killpg(0, signal.SIGKILL) if kill["target"] == "group" else os.kill(os.getpid(), signal.SIGKILL)
