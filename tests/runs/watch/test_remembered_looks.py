"""A remembered look says what the files say, and notices whatever changes them."""

import json
import os
import shutil
import time

import pytest

from fpd_bench.records.layout import sha256
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.watch import remembered_looks
from fpd_bench.runs.watch.remembered_looks import RememberedLooks
from fpd_bench.runs.watch.state import state_of


@pytest.fixture
def results(tmp_path, monkeypatch):
    """One finished run, whose look is worth remembering at once."""
    monkeypatch.setattr(remembered_looks, "FEW", 1)
    monkeypatch.setattr(remembered_looks, "SETTLED_NS", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run = tmp_path / "results" / "runs" / "0123456789ab"
    for name in ("eval", "attempts"):
        (run / name).mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"run_id": run.name, "created": "2026-11-28", "semantic": {"seed": 3}}))
    (run / "eval" / "test.jsonl").write_text('{"score": 1.0}\n')
    (run / "attempts" / "1.json").write_text('{"attempt": 1, "host": "node7"}')
    (run / "events.jsonl").write_text('{"seq": 0, "attempt": 1, "kind": "finished"}\n')
    done = {"run_id": run.name, "status": "done", "files": {"eval/test.jsonl": sha256(run / "eval" / "test.jsonl")}}
    (run / "DONE").write_text(json.dumps(done))
    return tmp_path / "results"


def look(results):
    """What a process says that starts now, and whether it had to read the run."""
    looks, run = RememberedLooks(results), RunDir(results / "runs" / "0123456789ab")
    time.sleep(0.01)  # a file system's clock may stand still for so long
    looks.identity(run)
    known = bool(looks._found(run))
    state = looks.state(run)
    looks.keep()
    assert state == state_of(run)
    return state, known


def test_a_second_look_reads_nothing_and_says_the_same(results):
    first, known = look(results)
    assert (first.state, first.host, known) == ("done", "node7", False)
    assert look(results) == (first, True)


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (lambda run: (run / "eval" / "test.jsonl").write_text('{"score": 0.0}\n'), "corrupt"),
        (lambda run: (run / "eval" / "test.jsonl").unlink(), "stale"),
        (lambda run: (run / "DONE").unlink(), "stale"),
        (lambda run: (run / "events.jsonl").write_text("[]\n"), "corrupt"),
        (lambda run: (run / "attempts" / "1.json").write_text('{"attempt": 1, "host": "node8"}'), "done"),
        (lambda run: (run / "notes.json").write_text('{"tags": ["good"]}'), "done"),
        (lambda run: shutil.rmtree(run), "planned"),
    ],
)
def test_whatever_changes_is_read_again(results, change, state):
    look(results)
    run = results / "runs" / "0123456789ab"
    score = os.stat(run / "eval" / "test.jsonl")
    change(run)
    if (run / "eval" / "test.jsonl").exists():
        os.utime(run / "eval" / "test.jsonl", ns=(score.st_atime_ns, score.st_mtime_ns))  # as a copy tool may
    found, known = look(results)
    assert found.state == state and not known


@pytest.mark.parametrize("text", ["", "{", '{"format": 1, "runs": []}', '{"format": 1, "runs": {"a": 3}}', "[1]"])
def test_a_damaged_memory_is_no_memory(results, tmp_path, text):
    look(results)
    (kept,) = (tmp_path / "cache" / "fpd-bench" / "looks").iterdir()
    kept.write_text(text)
    assert look(results)[0].state == "done" and look(results)[1]


def test_what_changed_just_now_is_not_remembered(results, monkeypatch):
    monkeypatch.setattr(remembered_looks, "SETTLED_NS", 10**12)
    look(results)
    assert not look(results)[1]
