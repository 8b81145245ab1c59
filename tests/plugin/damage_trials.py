"""Damage to a run's files at each stage, system calls that fail, two orchestrators on one database.

Each trial does one such thing to a sweep and then gives the same command again. It is survived if the files, scores
and tables are those of the undisturbed sweep, or if the damaged run alone is told as corrupt and is in no table.
"""

import contextlib
import errno
import os
import shutil
import signal
import sys
from pathlib import Path

import fault_trials

STAGES = {  # what is not there yet while a stage is at work
    "train": ("student.*", "samples", "eval", "DONE"), "sample": ("samples", "eval", "DONE"),
    "evaluate": ("eval", "DONE"), "finish": ("DONE",), "done": (),
}  # fmt: skip
CALLS = {"write": errno.ENOSPC, "fsync": errno.EIO, "replace": errno.EIO, "link": errno.EDQUOT, "open": errno.ENOSPC}
MOST = {"write": 60, "fsync": 40, "replace": 25, "link": 2, "open": 150}  # calls of a tiny sweep, about


def zeroed(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 3] + bytes(len(data) - len(data) // 3))


def flipped(path):
    data = bytearray(path.read_bytes() or b"x")
    data[len(data) // 2] ^= 4
    path.write_bytes(bytes(data))


def instead(make):
    def do(path):
        path.unlink()
        make(path)

    return do


DAMAGE = {
    "last two thirds zero": zeroed,
    "a flipped bit": flipped,
    "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: os.truncate(path, 0),
    "garbage": lambda path: path.write_bytes(bytes(range(1, 256)) * 20),
    "100,000 brackets": lambda path: path.write_bytes(b"[" * 100_000),
    "a directory": instead(lambda path: path.mkdir()),
    "a fifo": instead(os.mkfifo),
    "gone": lambda path: path.unlink(),
}


def files_of(run):
    """Its files, without locks and temporary ones."""
    return sorted(path for path in run.path.rglob("*") if path.is_file() and path.name[0] != ".")


def cases(bench):
    """[(file inside a run, stage, damage)] of all there are."""
    run = fault_trials._runs(bench, bench.folder / "undisturbed")[0]
    found = []
    for path in files_of(run):
        name = path.relative_to(run.path)
        for stage, missing in STAGES.items():
            if not any(name.match(part) or str(name).startswith(f"{part}/") for part in missing):
                found += [(str(name), stage, how) for how in DAMAGE]
    return found


def damage(bench, number, case):
    """'as undisturbed' or 'told as corrupt'; raises AssertionError for anything else."""
    name, stage, how = case
    results, ledger = _copy(bench, f"damage-{number}")
    runs = fault_trials._runs(bench, results)
    run = runs[number % len(runs)]
    for part in STAGES[stage]:
        for path in run.path.glob(part):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    path = run.path / name
    DAMAGE[how](path if path.exists() else next(iter(sorted(path.parent.glob(f"*{path.suffix}")))))
    return _end(bench, results, ledger, run, _swept(bench, results, ledger))


def failing_call(bench, number, call, nth):
    """A system call of that name fails at its nth use on the results folder; the command after it finds no fault."""
    results, ledger = bench.folder / f"call-{number}", bench.folder / f"call-{number}-ledger"
    ledger.mkdir()
    code, text = _fork(lambda: _failing(bench, results, call, nth), ledger)
    assert code in (0, 1, 2) and "Traceback" not in text, f"{call} {nth} ended with {code}:\n{text[-3000:]}"
    return _end(bench, results, ledger, None, _swept(bench, results, ledger))


def two_at_once(bench, number, url, n=2):
    """n sweeps start together on one empty database and one empty folder."""
    from fpd_bench import sweep

    results, ledger = bench.folder / f"pair-{number}", bench.folder / f"pair-{number}-ledger"
    ledger.mkdir()
    words = bench.arguments(results, "executor=inline", f"store.url={url}")
    children = [_child(lambda: sweep.main(list(words)), ledger / f"log-{k}") for k in range(n)]
    codes = [fault_trials._wait(pid) for pid in children]
    said = [(ledger / f"log-{k}").read_text(errors="replace") for k in range(n)]
    told = "".join(said)
    assert "Traceback" not in told and "Cannot" not in told, told[-3000:]  # busy runs are no fault: exit code 1
    assert 0 in codes, (codes, told[-3000:])
    return _end(bench, results, ledger, None, _swept(bench, results, ledger, f"store.url={url}"))


def _copy(bench, name):
    results, ledger = bench.folder / name, bench.folder / f"{name}-ledger"
    shutil.copytree(bench.folder / "undisturbed", results)
    ledger.mkdir()
    return results, ledger


def _swept(bench, results, ledger, *words):
    from fpd_bench import sweep

    return _fork(lambda: sweep.main(bench.arguments(results, "executor=inline", *words)), ledger)


def _end(bench, results, ledger, odd, swept):
    """Hold what the last command left to the undisturbed sweep."""
    code, text = swept
    assert code in (0, 1) and "Traceback" not in text, f"the sweep ended with {code}:\n{text[-3000:]}"
    report, said = fault_trials.command(bench, "report", results, [], ledger)
    assert report == 0 and "Traceback" not in said, f"the report ended with {report}:\n{said[-3000:]}"
    found, expected = fault_trials_outcome(bench, results, odd if code else None), bench.expected
    for name, run in found["runs"].items():
        wrong = [key for key in ("files", "status", "present") if run[key] != expected["runs"][name][key]]
        assert not wrong or _told_by_check(bench, results, ledger, name), f"{name} differs in {wrong}"
    if code == 0:
        assert found["tables"] == expected["tables"], "the tables differ"
    else:
        assert odd is not None and "corrupt" in text, f"told otherwise than as corrupt:\n{text[-3000:]}"
    for leftover in (results, ledger, Path(f"{results}-reports")):
        shutil.rmtree(leftover, ignore_errors=True)
    return "as undisturbed" if code == 0 else "told as corrupt"


def _told_by_check(bench, results, ledger, name):
    """Damage behind the last stage changes no table that is there; `store check` tells it."""
    code, text = fault_trials.command(bench, "check", results, [], ledger)
    return code == 1 and f"{name} is corrupt" in text


def fault_trials_outcome(bench, results, without):
    """As fault_trials.outcome, of all runs but `without`."""
    from fpd_bench.records import layout

    runs = {}
    for run in fault_trials._runs(bench, results):
        if without is None or run.run_id != without.run_id:
            done = run.done() or {}
            present = {
                name: layout.sha256(run.path / name) for name in done.get("files", ()) if (run.path / name).is_file()
            }
            runs[run.run_id] = {"files": done.get("files"), "status": done.get("status"), "present": present}
    pages = {path.name: path.read_text() for path in sorted(Path(f"{results}-reports").glob("[!.]*.*"))}
    return {"runs": runs, "tables": pages}


def _failing(bench, results, call, nth):
    """The sweep, with the nth `call` on its results failing; descriptors are told by what they are open on."""
    from fpd_bench import sweep

    real, seen = getattr(os, call), []

    def fails(*arguments, **named):
        place = arguments[0] if not isinstance(arguments[0], int) else _open_on(arguments[0])
        if str(place).startswith(str(results)):
            seen.append(place)
            if len(seen) == nth:
                raise OSError(CALLS[call], os.strerror(CALLS[call]), str(place))
        return real(*arguments, **named)

    setattr(os, call, fails)
    return sweep.main(bench.arguments(results, "executor=inline"))


def _open_on(descriptor):
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/self/fd/{descriptor}")
    return ""


def _fork(work, ledger):
    log = ledger / "log"
    log.unlink(missing_ok=True)
    code = fault_trials._wait(_child(work, log))
    return code, log.read_text(errors="replace")


def _child(work, log):
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 99
    try:
        os.setsid()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(fault_trials.SECONDS)  # a hang ends as one
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        code = work()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 98)
