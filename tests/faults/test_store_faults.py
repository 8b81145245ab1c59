"""What happens to an index and to run directories: each ends in one clear line, nothing lost, and goes on after."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time

import pytest

from fpd_bench.store import index_schema, ingest, lock
from fpd_bench.store.__main__ import main
from fpd_bench.store.query import Store
from tests.faults.small_disk import files, small_disk
from tests.store.synthetic_runs import write_run

FIRST, SECOND = f"{0:012x}", f"{1:012x}"

HOLD_DATABASE = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(600)
"""
HOLD_LOCK_FILE = """
import fcntl, sys, time
file = open(sys.argv[1] + ".lock", "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def results(tmp_path):
    for run_id in (FIRST, SECOND):
        write_run(tmp_path / "results", run_id, per_task=2)
    ingest.ingest(tmp_path / "results")
    return tmp_path / "results"


def content(results):
    with Store(results) as store:
        return store.content_hash()


def check(results, *words):
    return main(["check", "--results", str(results), *words])


def test_a_deleted_index_is_made_anew(results):
    before = content(results)
    (results / "index.sqlite").unlink()
    (results / "index.sqlite.lock").unlink()
    assert check(results) == 0
    assert content(results) == before


def test_an_index_deleted_while_it_is_open_for_reading_is_made_anew(results):
    before = content(results)
    with Store(results) as store:
        assert len(store.runs()) == 2
        (results / "index.sqlite").unlink()
        assert ingest.ingest(results).read == 2
    assert content(results) == before


@pytest.mark.parametrize("how", [HOLD_DATABASE, HOLD_LOCK_FILE])
def test_an_index_that_another_process_holds_is_waited_for_then_told(results, how, monkeypatch, capsys):
    monkeypatch.setattr(index_schema, "BUSY_MS", 200)
    monkeypatch.setattr(lock, "SECONDS", 0.2)
    before, write = content(results), write_run(results, "2" * 12, per_task=2)
    holder = subprocess.Popen([sys.executable, "-c", how, results / "index.sqlite"], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        for command in ("check", "rebuild", "export"):
            assert main([command, "--results", str(results)]) == 1
            said = capsys.readouterr().err
            assert "locked" in said and said.count("\n") == 1, said
    finally:
        holder.kill()
        holder.communicate()
    assert ingest.ingest(results).read == 1 and write.exists()
    assert content(results) != before


def test_a_run_copied_under_another_name_is_shown_and_in_no_table(results, capsys):
    shutil.copytree(results / "runs" / FIRST, results / "runs" / "abcabcabcabc")
    assert check(results) == 1
    assert f"abcabcabcabc is corrupt: a copy of run {FIRST} under another name" in capsys.readouterr().out
    with Store(results) as store:
        assert store.frame("metrics", ["abcabcabcabc"]).empty
        assert len(store.frame("metrics", [FIRST])) == 7


def test_a_backup_beside_the_runs_is_no_run(results, capsys):
    shutil.copytree(results / "runs" / FIRST, results / "runs" / f"{FIRST}.bak")
    before = content(results)
    assert check(results) == 0
    assert f"because they are not runs: {FIRST}.bak" in capsys.readouterr().out
    assert content(results) == before


@pytest.mark.parametrize(
    ("lost", "status"),
    [("eval", "corrupt"), ("samples", "corrupt"), ("DONE", "running"), ("events.jsonl", "done"), ("config.yaml", None)],
)
def test_half_of_a_run_copied_from_elsewhere_is_never_averaged_in(results, tmp_path, lost, status):
    there = tmp_path / "there"
    shutil.copytree(results / "runs", there / "runs")
    path = there / "runs" / SECOND / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    ingest.ingest(there)
    with Store(there) as store:
        found = store.runs()
        assert (found[SECOND].status if SECOND in found else None) == status
        assert store.frame("metrics", [SECOND]).empty == (status != "done")
        assert len(store.frame("metrics", [FIRST])) == 7
    shutil.copytree(results / "runs", there / "runs", dirs_exist_ok=True)  # the rest arrives
    ingest.ingest(there)
    assert content(there) == content(results)


def test_a_clock_that_was_set_back_hides_no_change(results):
    future = time.time() + 10 * 365 * 86_400
    for path in (results / "runs").rglob("*"):
        os.utime(path, (future, future))
    os.utime(results / "index.sqlite", (future, future))
    assert ingest.ingest(results).read == 2
    assert ingest.ingest(results).unchanged == 2
    write_run(results, SECOND, per_task=2, skill=0.9)  # written now, so older than what it replaces
    assert ingest.ingest(results) == ingest.Ingested(read=1, unchanged=1)
    before = content(results)
    ingest.rebuild(results)
    assert content(results) == before


def test_garbage_written_into_the_index_by_another_program_is_seen(results):
    before = content(results)
    index = results / "index.sqlite"
    data = bytearray(index.read_bytes())
    data[4096:40_960] = os.urandom(36_864)
    index.write_bytes(bytes(data))
    assert ingest.ingest(results).rebuilt
    assert content(results) == before


def test_rows_that_somebody_changed_are_found_by_check_and_put_right_by_rebuild(results, capsys):
    with sqlite3.connect(results / "index.sqlite") as file:
        file.execute("UPDATE items SET score = 1 - score WHERE run_id = ?", (FIRST,))
    assert check(results) == 1
    assert f"The index differs from 1 run directories ({FIRST}). python -m fpd_bench.store" in capsys.readouterr().out
    assert main(["rebuild", "--results", str(results)]) == 0
    assert check(results) == 0


@pytest.mark.slow
def test_read_only_results_can_be_indexed_elsewhere(results, tmp_path, capsys):
    with small_disk(tmp_path / "disk", "8m") as disk:
        shutil.copytree(results / "runs", disk.path / "runs")
        disk.read_only(True)
        before = files(disk.path)
        for command in ("check", "rebuild", "export"):
            assert main([command, "--results", str(disk.path)]) == 2
            said = capsys.readouterr().err
            assert "Read-only file system" in said and "store.url=sqlite:///" in said and said.count("\n") == 1, said
        assert check(disk.path, f"store.url=sqlite:///{tmp_path}/elsewhere.sqlite") == 0
        assert files(disk.path) == before


@pytest.mark.slow
def test_read_only_results_stop_a_sweep_before_it_begins(tiny, tmp_path):
    with small_disk(tmp_path / "disk", "1m") as disk:
        disk.read_only(True)
        code, _out, err = tiny.call("sweep", tiny.write_sweep(tmp_path), "--results", disk.path)
    assert code == 2 and "Cannot write to" in err and "--results DIR" in err and "Traceback" not in err
