"""The same code on a real PostgreSQL server, started for the test where its programs are installed."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from fpd_bench.store import ingest
from fpd_bench.store.query import Store
from tests.store.synthetic_runs import write_run

pytest.importorskip("psycopg", reason="pip install 'fpd-bench[postgres]'")
if not shutil.which("initdb") or not shutil.which("pg_ctl"):
    pytest.skip("no PostgreSQL programs on PATH", allow_module_level=True)


@pytest.fixture(scope="module")
def server():
    """URL of a throw-away server on a Unix socket; it refuses to run as root, so root becomes an ordinary user."""
    with tempfile.TemporaryDirectory(prefix="fpd-pg-") as folder:
        as_user = {}
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres") if _has_user("postgres") else pwd.getpwnam("nobody")
            os.chown(folder, user.pw_uid, user.pw_gid)
            as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        data = f"{folder}/data"
        options = f"-c listen_addresses='' -k {folder} -c fsync=off"

        def call(*command):
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}  # a pipe would wait for the server
            subprocess.run(command, check=True, timeout=60, cwd=folder, **quiet, **as_user)

        call("initdb", "-D", data, "-U", "bench", "--auth=trust", "-E", "UTF8", "--no-sync")
        call("pg_ctl", "-D", data, "-l", f"{folder}/log", "-o", options, "-w", "start")
        try:
            yield f"postgresql+psycopg://bench@/postgres?host={folder}"
        finally:
            call("pg_ctl", "-D", data, "-m", "immediate", "stop")


def _has_user(name):
    return any(entry.pw_name == name for entry in pwd.getpwall())


def summary(results, url):
    with Store(results, url) as store:
        scores = store.scores(list(store.runs()), "test")
        return store.content_hash(), store.frame("metrics").to_dict(), scores.score.sum(), len(scores)


def test_postgres_and_sqlite_say_the_same_and_both_ingest_incrementally(server, tmp_path):
    for n, end in enumerate(("done", "failed", "diverged")):
        write_run(tmp_path, f"{n:012x}", end=end, per_task=3)
    for url in (None, server):
        assert ingest.ingest(tmp_path, url).read == 3
        assert ingest.ingest(tmp_path, url).unchanged == 3
    assert summary(tmp_path, None) == summary(tmp_path, server)
    shutil.rmtree(tmp_path / "runs" / f"{2:012x}")
    assert ingest.ingest(tmp_path, server).dropped == 1
    assert ingest.rebuild(tmp_path, server).read == 2


def test_a_shared_server_keeps_the_runs_of_other_results_folders(server, tmp_path):
    mine, yours = tmp_path / "mine", tmp_path / "yours"
    write_run(mine, "a" * 12, per_task=2)
    write_run(yours, "b" * 12, per_task=2)
    ingest.rebuild(mine, server)
    ingest.ingest(yours, server)
    assert ingest.ingest(mine, server).dropped == 0
    with Store(mine, server) as store:
        folders = {run_id: Path(run.folder) for run_id, run in store.runs().items()}
    assert folders["b" * 12] == yours / "runs" / ("b" * 12)
