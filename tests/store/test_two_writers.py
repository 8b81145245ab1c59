"""Several processes on one PostgreSQL database: none fails, and the index is as if there were one."""

import subprocess
import sys

import pytest
import sqlalchemy as sa

from fpd_bench.errors import StoreError
from fpd_bench.store import index_schema, ingest, lock
from fpd_bench.store.query import Store
from tests.store.synthetic_runs import write_run

pytestmark = pytest.mark.slow

AT_ONCE = """
import sys, time
from pathlib import Path
from fpd_bench.store import ingest
time.sleep(max(0, float(sys.argv[3]) - time.time()))
done = getattr(ingest, sys.argv[4])(Path(sys.argv[1]), sys.argv[2])
print(done.read, done.unchanged)
"""
N = 4


@pytest.fixture
def database(server):
    """An empty database of its own."""
    engine = index_schema.connect(server).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("DROP DATABASE IF EXISTS two WITH (FORCE)"))
        connection.execute(sa.text("CREATE DATABASE two"))
    engine.dispose()
    return server.replace("/postgres?", "/two?")


def at_once(results, url, *what):
    """Processes that start to write in the same moment; what each printed."""
    import time

    words = [sys.executable, "-c", AT_ONCE, str(results), url, str(time.time() + 8)]
    pipe = subprocess.PIPE
    both = [subprocess.Popen([*words, one], stdout=pipe, stderr=pipe, text=True) for one in what]
    heard = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0] * len(what), heard
    return [out for out, _ in heard]


def content(results, url):
    with Store(results, url) as store:
        return store.content_hash()


@pytest.mark.parametrize("what", [["ingest"] * N, ["rebuild"] * 2, ["ingest", "rebuild", "ingest"]])
def test_writers_that_start_at_once_on_an_empty_database_all_succeed(database, tmp_path, what):
    for n in range(6):
        write_run(tmp_path, f"{n:012x}", per_task=2)
    heard = at_once(tmp_path, database, *what)
    if set(what) == {"ingest"}:
        assert sorted(heard) == sorted(["6 0\n", *["0 6\n"] * (N - 1)])
    ingest.ingest(tmp_path)
    assert content(tmp_path, database) == content(tmp_path, None)


def test_writers_of_changed_runs_all_succeed(database, tmp_path):
    for n in range(4):
        write_run(tmp_path, f"{n:012x}", per_task=2)
    ingest.ingest(tmp_path, database)
    for n in range(4):
        write_run(tmp_path, f"{n:012x}", per_task=2, skill=0.9)
    at_once(tmp_path, database, *["ingest"] * N)
    ingest.rebuild(tmp_path)
    assert content(tmp_path, database) == content(tmp_path, None)


def test_a_writer_that_holds_the_lock_for_long_is_told(database, tmp_path, monkeypatch):
    write_run(tmp_path, "a" * 12, per_task=2)
    monkeypatch.setattr(lock, "SECONDS", 0.3)
    with lock.one_writer(None, database), pytest.raises(StoreError, match="locked by another writer") as caught:
        ingest.ingest(tmp_path, database)
    assert "bench:" not in str(caught.value)
    assert ingest.ingest(tmp_path, database).read == 1


def test_a_writer_without_our_lock_costs_a_second_try(database, tmp_path, monkeypatch):
    """As an older version is: it makes the tables between our look and our own making of them."""
    write_run(tmp_path, "a" * 12, per_task=2)
    real, calls = index_schema.create, []

    def overtaken(engine, anew=False):
        calls.append(engine)
        if len(calls) == 1:
            error = sa.exc.ProgrammingError("CREATE TABLE", {}, type("E", (Exception,), {"sqlstate": "42P07"})())
            raise error
        real(engine, anew)

    monkeypatch.setattr(index_schema, "create", overtaken)
    assert ingest.ingest(tmp_path, database).read == 1 and len(calls) == 2


def test_a_run_that_the_server_cannot_store_is_set_aside_and_the_others_are_not(database, tmp_path):
    for n in range(3):
        write_run(tmp_path, f"{n:012x}", per_task=2)
    path = tmp_path / "runs" / f"{1:012x}" / "attempts"
    (path / "99999999.json").write_text('{"host": "a"}')
    with (path.parent / "events.jsonl").open("a") as file:
        file.write('{"seq": 9, "attempt": 5000000000, "kind": "failed", "message": "x"}\n')  # 32 bits are too few
    done = ingest.ingest(tmp_path, database)
    assert list(done.aside) == [f"{1:012x}"] and "cannot be stored" in done.aside[f"{1:012x}"]
    with Store(tmp_path, database) as store:
        assert [run.status for run in store.runs().values()] == ["done", "corrupt", "done"]
