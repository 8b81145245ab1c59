"""The same code on a real PostgreSQL server."""

import csv
import shutil
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from fpd_bench.errors import StoreError
from fpd_bench.store import export, index_schema, ingest
from fpd_bench.store.__main__ import main
from fpd_bench.store.query import Store
from tests.store.postgres import PASSWORD
from tests.store.synthetic_runs import write_run

pytestmark = pytest.mark.slow


def summary(results, url):
    with Store(results, url) as store:
        scores = store.scores(list(store.runs()), "test")
        return store.content_hash(), store.frame("metrics").to_dict(), scores.score.sum(), len(scores)


def test_postgres_and_sqlite_say_the_same_and_both_ingest_incrementally(server, tmp_path):
    for n, end in enumerate(("done", "failed", "diverged")):
        write_run(tmp_path, f"{n:012x}", end=end, per_task=3)
    ingest.rebuild(tmp_path / "nothing", server)
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


def test_check_rebuild_and_export_on_a_server(server, tmp_path, capsys):
    for n, end in enumerate(("done", "failed")):
        write_run(tmp_path, f"{n:012x}", end=end, per_task=3)
    url, place = f"store.url={server}", ["--results", str(tmp_path)]
    assert main(["rebuild", url, *place]) == 0
    assert main(["rebuild", *place]) == 0
    said = capsys.readouterr().out
    assert said.count("2 runs read into") == 2 and len({line.split()[-1] for line in said.splitlines()}) == 1
    assert main(["check", url, *place]) == 0
    for kind in ("csv", "parquet"):
        for where, words in ((server, [url]), ("sqlite", [])):
            out = str(tmp_path / ("pg" if where == server else "lite"))
            assert main(["export", *words, *place, "--format", kind, "--out", out]) == 0
    files = sorted(path.name for path in (tmp_path / "pg").iterdir())
    assert len(files) == 2 * len(export.TABLES)
    for name in files:
        if not name.startswith("runs."):  # `root` is where the results lie, as each database notes it
            assert (tmp_path / "pg" / name).read_bytes() == (tmp_path / "lite" / name).read_bytes(), name
    read = pd.read_parquet(tmp_path / "pg" / "items.parquet")
    with (tmp_path / "pg" / "items.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(read) == len(rows) == 18 * 4 and read.score.sum() == sum(float(row["score"]) for row in rows)
    capsys.readouterr()
    engine = index_schema.connect(server)
    with engine.begin() as connection:
        connection.execute(sa.update(index_schema.items).values(score=1.0))
    assert main(["check", url, *place]) == 1
    assert "differs from 1 run directories (000000000000)" in capsys.readouterr().out
    engine.dispose()


def test_text_is_sorted_alike_whatever_the_language_of_the_server(server, tmp_path):
    write_run(tmp_path, "a" * 12, per_task=2)
    ingest.rebuild(tmp_path, server)
    ingest.rebuild(tmp_path)
    with Store(tmp_path, server) as there, Store(tmp_path) as here:
        for table in ("metrics", "items", "artifacts", "series"):
            assert there.frame(table).equals(here.frame(table)), table


WRONG = {"password": "does not let user bench into database postgres", "host": "nowhere.invalid"}


@pytest.mark.parametrize("what", WRONG)
def test_a_server_that_refuses_is_told_in_one_line_without_the_password(server, tmp_path, what):
    write_run(tmp_path, "a" * 12, per_task=1)
    urls = {
        "password": server.replace(f"{PASSWORD}@", f"{PASSWORD}0@"),
        "host": f"postgresql+psycopg://bench:{PASSWORD}@nowhere.invalid/x",
    }
    with pytest.raises(StoreError, match=WRONG[what]) as caught:
        ingest.ingest(tmp_path, urls[what])
    assert PASSWORD not in str(caught.value) and "\n" not in str(caught.value)
