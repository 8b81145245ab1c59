"""Claims: one holder, shown to others; a dead one is replaced, by exactly one of many."""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fpd_bench.errors import ConfigError
from fpd_bench.records import layout
from fpd_bench.runs.execute.cancel_run import cancel_run
from fpd_bench.runs.folder import claims
from fpd_bench.runs.folder.claims import RunClaim
from fpd_bench.runs.folder.rundir import now

CLAIM = """
import sys, time
from pathlib import Path
from fpd_bench.runs.folder import claims
start = float(sys.argv[2])
time.sleep(max(0, start - time.time()))
try:
    claims.acquire(Path(sys.argv[1]), 1)
except claims.Claimed:
    print("refused")
else:
    print("acquired", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "claim.json"


def contender(path, start=0.0):
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", CLAIM, path, str(start)], stdin=pipe, stdout=pipe, text=True)


def test_a_living_holder_is_told(path):
    claim = claims.acquire(path, 1)
    with pytest.raises(claims.Claimed, match=f"already running: process {os.getpid()} of .* since") as caught:
        claims.acquire(path, 1)
    assert caught.value.holder == claim == claims.holder(path)
    claims.release(path, claim)
    assert claims.holder(path) is None and not path.exists()


def test_a_claim_of_a_killed_process_is_taken_over(path):
    process = contender(path)
    assert process.stdout.readline().strip() == "acquired"
    with pytest.raises(claims.Claimed):
        claims.acquire(path, 2)
    process.kill()
    process.wait()
    assert path.exists() and claims.holder(path) is None
    assert claims.acquire(path, 2).pid == os.getpid()


def test_of_many_that_find_a_dead_holder_one_takes_over(path):
    import time

    dead = contender(path)
    dead.stdout.readline()
    dead.kill()
    dead.wait()
    crowd = [contender(path, time.time() + 2) for _ in range(4)]
    heard = sorted(process.stdout.readline().strip() for process in crowd)
    for process in crowd:
        process.communicate("")
    assert heard == ["acquired", "refused", "refused", "refused"]


def test_a_reused_pid_is_not_the_holder(path):
    claim = claims.acquire(path, 1)
    path.write_text(json.dumps(asdict(replace(claim, started="1"))))
    assert claims.holder(path) is None


def test_a_claim_of_another_host_is_taken_as_alive(path):
    claim = claims.acquire(path, 1)
    path.write_text(json.dumps(asdict(replace(claim, host="elsewhere", pid=1, started="1"))))
    with pytest.raises(claims.Claimed, match="on elsewhere"):
        claims.acquire(path, 2)
    assert not claims.holder(path).on_this_host()


def test_a_claim_of_another_host_ends_when_its_heartbeat_has_been_silent_for_long(path):
    def elsewhere(beat):
        path.write_text(json.dumps(asdict(RunClaim("elsewhere", 1, "1", "theirs", "them", "2020-01-01T00:00:00Z", 1))))
        path.with_name(layout.HEARTBEAT).write_text(json.dumps({"token": "theirs", "time": beat}))

    elsewhere(now())
    assert claims.holder(path).host == "elsewhere" and claims.silent_min_elsewhere(path) < 1
    elsewhere("2020-01-01T00:00:00Z")
    assert claims.holder(path) is None  # copied from elsewhere, or that host is gone
    assert claims.acquire(path, 2).pid == os.getpid()
    elsewhere("2999-01-01T00:00:00Z")
    assert claims.holder(path)  # a clock that was set back kills nobody


def test_whoever_was_replaced_neither_holds_nor_releases(path):
    old = claims.acquire(path, 1)
    path.unlink()
    new = claims.acquire(path, 2)
    assert claims.is_held(path, new) and not claims.is_held(path, old)
    claims.release(path, old)
    assert path.exists()


@pytest.mark.parametrize("text", ["", "{", "{}", '{"pid": 1}'])
def test_what_is_no_claim_holds_nothing(path, text):
    path.write_text(text)
    assert claims.acquire(path, 1)


def elsewhere(path, **changes):
    """A claim of another host, as a file says it."""
    claim = claims.acquire(path, 1)
    path.write_text(json.dumps({**asdict(replace(claim, host="elsewhere", pid=1, started="1")), **changes}))


def at(path, minutes):
    os.utime(path, (time.time() + 60 * minutes,) * 2)


@pytest.mark.parametrize("ahead", [24 * 60, 10**6])
def test_a_claim_dated_in_the_future_holds_a_run_no_longer_than_any_other(path, ahead):
    """By a clock that was ahead: then the file's own time counts, and a file of the future is as old as it is ahead."""
    future = (datetime.now(UTC) + timedelta(minutes=min(ahead, 10**6))).isoformat()
    elsewhere(path, time=future)
    assert claims.holder(path) is not None  # written a moment ago
    at(path, -claims.SILENT_MIN - 1)
    assert claims.holder(path) is None
    at(path, ahead)
    assert claims.holder(path) is None


@pytest.mark.parametrize("wrong", ["", "yesterday", "0001-01-01T00:00:00Z", "99999-01-01", "2026-01-01T00:00:00"])
def test_a_claim_whose_time_makes_no_sense_ends_like_any_other(path, wrong):
    elsewhere(path, time=wrong)
    at(path, -claims.SILENT_MIN - 1)
    assert claims.holder(path) is None


def test_clocks_that_differ_a_little_take_no_run_from_a_living_holder(path):
    elsewhere(path, time=(datetime.now(UTC) + timedelta(minutes=3)).isoformat())
    assert claims.holder(path) is not None


def test_a_run_of_another_hostname_says_until_when_it_counts_and_how_to_take_it_over(path):
    elsewhere(path)
    with pytest.raises(claims.Claimed) as caught:
        claims.acquire(path, 2)
    said = str(caught.value)
    assert "on elsewhere" in said and f"counts as running until {claims.SILENT_MIN}" in said
    assert f"a former name of this host, free the run: rm {path}" in said
    path.unlink()  # as told
    assert claims.acquire(path, 2).attempt == 2


WITHOUT_PROC = """
import os, sys
from pathlib import Path
from fpd_bench.runs.folder import claims
claims.Path = lambda path: Path(str(path).replace("/proc", "/no-such-folder"))
if os.getuid() == 0:
    os.setuid(65534)  # the first process is then another user's
print([claims.process_start(pid) for pid in (os.getpid(), 1, int(sys.argv[1]))])
"""


def test_without_proc_a_process_lives_while_its_number_is_in_use_whoever_has_it():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    told = subprocess.run([sys.executable, "-c", WITHOUT_PROC, str(gone.pid)], capture_output=True, text=True)
    assert told.stdout.strip() == "['', '', None]", told.stderr


def test_without_proc_a_living_holder_keeps_its_claim_and_a_dead_one_loses_it(path, monkeypatch):
    monkeypatch.setattr(claims, "Path", lambda name: Path(str(name).replace("/proc", "/no-such-folder")))
    claim = claims.acquire(path, 1)
    with pytest.raises(claims.Claimed):
        claims.acquire(path, 2)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    path.write_text(json.dumps(asdict(replace(claim, pid=gone.pid))))
    assert claims.acquire(path, 2).attempt == 2


@pytest.mark.parametrize("pid", [-1, 0, None, 2**40])
@pytest.mark.parametrize("started", [None, ""])
def test_a_claim_of_no_single_process_is_nobodys_and_nothing_is_ended(path, pid, started, monkeypatch):
    """A process that is not there began at no time; to the system -1 is every process of the user."""
    ended = []
    monkeypatch.setattr(os, "kill", lambda *words: ended.append(words))
    mine = asdict(claims.acquire(path, 1)) | {"pid": pid, "started": started}
    run = path.parent / "runs" / "0123456789ab"
    run.mkdir(parents=True)
    (run / layout.CLAIM).write_text(json.dumps(mine))
    assert claims.holder(run / layout.CLAIM) is None
    with pytest.raises(ConfigError, match="Nobody works on run"):
        cancel_run(path.parent, "0123456789ab")
    assert ended == []


@pytest.mark.parametrize("field", ["host", "started", "token", "user", "time", "attempt", "job"])
def test_a_claim_without_one_of_its_fields_is_nobodys(path, field):
    mine = asdict(claims.acquire(path, 1))
    for wrong in (mine | {field: None}, {name: value for name, value in mine.items() if name != field}):
        path.write_text(json.dumps(wrong))
        assert claims.holder(path) is None
