"""The index says what the run directories say: in any order, twice, after changes, after damage."""

import json
import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest
import sqlalchemy as sa

from fpd_bench.errors import StoreError
from fpd_bench.store import address, export, index_schema, ingest
from fpd_bench.store.__main__ import main
from fpd_bench.store.query import Store
from tests.store.synthetic_runs import finish, write_lines, write_run

ENDS = ("done", "diverged", "failed", "interrupted", "running", "planned")


@pytest.fixture
def results(tmp_path):
    for n, end in enumerate(ENDS):
        write_run(tmp_path / "results", f"{n:012x}", end=end, per_task=3)
    return tmp_path / "results"


def statuses(results):
    with Store(results) as store:
        return [run.status for run in store.runs().values()]


def content(results, url=None):
    with Store(results, url) as store:
        return store.content_hash()


def test_every_kind_of_ending_is_shown_as_what_it_is(results):
    assert ingest.ingest(results) == ingest.Ingested(read=6)
    assert statuses(results) == list(ENDS)
    with Store(results) as store:
        runs = store.runs()
        attempts = store.frame("attempts", ["000000000002"])
        metrics = store.frame("metrics")
    assert runs["000000000001"].message == "step 150"
    assert runs["000000000002"].message == "out_of_memory: tried 3 GiB"
    assert runs["000000000000"].seconds == pytest.approx(31.5)
    assert attempts.loc[0, ["host", "reason", "traceback"]].tolist() == ["node7", "failed", "Traceback ..."]
    assert set(metrics.run_id) == {"000000000000"}, "only a done run has metrics"


def test_overall_is_the_plain_mean_of_the_task_means(tmp_path):
    folder = write_run(tmp_path, "a" * 12, per_task=1)
    base = {"replicate": 0, "prompt": "p"}
    rows = [{"item": str(i), "task": "counting", "score": score} | base for i, score in enumerate([1, 1, 1, 0])]
    write_lines(folder / "eval" / "test.jsonl", [*rows, {"item": "x", "task": "colors", "score": 0.0} | base])
    finish(folder)
    ingest.ingest(tmp_path)
    with Store(tmp_path) as store:
        found = store.frame("metrics").set_index("metric")
    assert found.value.to_dict() == {"colors": 0.0, "counting": 0.75, "overall": 0.375}
    assert found.n.to_dict() == {"colors": 1, "counting": 4, "overall": 5}


def test_a_second_ingest_reads_nothing_and_a_changed_run_is_read_alone(results):
    ingest.ingest(results)
    before = content(results)
    assert ingest.ingest(results) == ingest.Ingested(unchanged=6)
    assert content(results) == before
    write_run(results, f"{4:012x}", end="done", per_task=3)
    assert ingest.ingest(results) == ingest.Ingested(read=1, unchanged=5)
    assert content(results) != before


def test_a_run_whose_folder_is_gone_leaves_the_index_with_all_its_rows(results):
    ingest.ingest(results)
    shutil.rmtree(results / "runs" / f"{0:012x}")
    assert ingest.ingest(results).dropped == 1
    with Store(results) as store:
        left = {name: store.frame(name) for name in ("items", "metrics", "artifacts", "series", "ingested")}
        assert all(f"{0:012x}" not in set(frame.run_id) for frame in left.values())
    assert content(results) == (ingest.rebuild(results), content(results))[1]


def test_the_content_hash_forgets_the_order_of_ingest(results, tmp_path):
    ingest.ingest(results)
    other = tmp_path / "other"
    for folder in sorted((results / "runs").iterdir(), reverse=True):
        shutil.copytree(folder, other / "runs" / folder.name)  # mtimes change, content does not
        ingest.ingest(other)
    assert content(other) == content(results)


def test_tables_forget_how_often_a_run_was_interrupted_and_nothing_else(results, tmp_path):
    def read(folder):
        ingest.ingest(folder)
        with Store(folder) as store:
            return store.content_hash(), store.results_hash(list(store.runs()))

    whole = read(results)
    run = results / "runs" / f"{0:012x}"
    with (run / "events.jsonl").open("a") as file:
        for kind in ("interrupted", "attempt_started", "finished"):
            file.write(json.dumps({"seq": 99, "attempt": 2, "time": "2026-11-26T00:00:00Z", "kind": kind}) + "\n")
    again = read(results)
    assert again[0] != whole[0] and again[1] == whole[1]
    write_run(results, run.name, per_task=3, skill=0.9)
    assert read(results)[1] != whole[1]


def test_a_run_directory_copied_from_another_cluster_keeps_its_artifacts_findable(results, tmp_path):
    ingest.ingest(results)
    results.rename(tmp_path / "moved")
    with Store(tmp_path / "moved") as store:
        run = store.runs()[f"{0:012x}"]
        paths = store.frame("artifacts", [run.run_id], kind="samples").path
    assert [(run.folder / path).exists() for path in paths] == [True]
    assert ingest.ingest(tmp_path / "moved") == ingest.Ingested(unchanged=6)


def test_torn_lines_and_a_torn_done_do_not_stop_the_ingest(results):
    folder = results / "runs" / f"{0:012x}"
    with (folder / "train.jsonl").open("a") as file:
        file.write('{"step": 301, "lo')
    (folder / "DONE").write_text('{"run_id": "0000')
    ingest.ingest(results)
    assert statuses(results)[0] == "running"
    with Store(results) as store:
        assert store.frame("items").empty, "evaluated, but not done: no scores yet"


def test_scores_that_are_not_those_done_vouches_for_are_corrupt_and_give_no_metrics(results):
    path = results / "runs" / f"{0:012x}" / "eval" / "test.jsonl"
    path.write_text(path.read_text().replace('"score": 0.0', '"score": 1.0'))
    ingest.ingest(results)
    with Store(results) as store:
        run = store.runs()[f"{0:012x}"]
        assert (run.status, run.message) == ("corrupt", "changed or missing since DONE was written: eval/test.jsonl")
        assert store.frame("metrics").empty
    assert main(["check", "--results", str(results)]) == 1


def test_curves_are_thinned_with_both_ends_kept_and_repeated_steps_counted_once(tmp_path):
    folder = write_run(tmp_path, "b" * 12, steps=1500)
    with (folder / "train.jsonl").open("a") as file:  # a resumed attempt logs steps again; NaN is no point of a curve
        file.write(json.dumps({"step": 1500, "loss": 7.0}) + "\n" + '{"step": 1501, "loss": NaN}\n')
    ingest.ingest(tmp_path)
    with Store(tmp_path) as store:
        curve = store.frame("series", name="loss")
    assert len(curve) == 200 and curve.step.iloc[[0, -1]].tolist() == [1, 1500]
    assert curve.value.iloc[-1] == 7.0


def test_the_modes_that_shared_file_systems_need_are_really_set(results):
    ingest.ingest(results)
    engine = index_schema.connect(address.default_url(results))
    with engine.connect() as connection:
        modes = [connection.execute(sa.text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "foreign_keys")]
    assert modes == ["delete", 1]


def test_a_newer_index_is_refused_with_the_command_that_rebuilds_it(results):
    ingest.ingest(results)
    with sqlite3.connect(results / "index.sqlite") as file:
        file.execute("UPDATE meta SET value = '99'")
    with pytest.raises(StoreError, match="schema 99.*python -m fpd_bench.store rebuild --results"):
        ingest.ingest(results)
    assert main(["rebuild", "--results", str(results)]) == 0
    assert ingest.ingest(results).unchanged == 6


@pytest.mark.parametrize("damage", [b"not a database at all, but long enough to have a header....." * 4, None, b""])
def test_a_damaged_index_is_rebuilt_by_itself(results, damage):
    ingest.ingest(results)
    before = content(results)
    index = results / "index.sqlite"
    if damage is None:  # garbage in the middle of a real one
        data = bytearray(index.read_bytes())
        data[4096 : 4096 * 12] = os.urandom(4096 * 11)
        damage = bytes(data)
    index.write_bytes(damage)
    ingest.ingest(results)
    assert content(results) == before
    assert not list(results.glob("*.rebuild-*"))


def test_somebody_elses_database_is_never_overwritten(results):
    with sqlite3.connect(results / "index.sqlite") as file:
        file.execute("CREATE TABLE trials (id)")
    for act in (ingest.ingest, ingest.rebuild):
        with pytest.raises(StoreError, match="not an fpd-bench index"):
            act(results)


def test_many_ingests_at_once_end_in_one_whole_index(results):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=ingest.ingest, args=(results,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    before = content(results)
    ingest.rebuild(results)
    assert content(results) == before


def test_a_killed_ingest_leaves_whole_runs_that_the_next_one_completes(results):
    code = (
        "import os, sys; from pathlib import Path; from fpd_bench.store import batch, ingest, index_schema\n"
        "real, calls = index_schema.insert, []\n"
        "def insert(c, t, rows):\n"
        "    calls.append(t); real(c, t, rows)\n"
        "    if len(calls) == 15: os._exit(9)\n"
        "batch.ROWS, index_schema.insert = 1, insert; ingest.ingest(Path(sys.argv[1]))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(results)], check=False).returncode == 9
    assert 0 < len(statuses(results)) < 6
    ingest.ingest(results)
    before = content(results)
    ingest.rebuild(results)
    assert content(results) == before


def test_check_and_export_say_what_they_found(results, capsys):
    assert main(["check", "--results", str(results)]) == 0
    assert "agrees with 6 run directories" in capsys.readouterr().out
    assert main(["export", "--results", str(results)]) == 0
    assert len(list((results / "export").iterdir())) == len(export.TABLES)


def test_a_wrong_url_names_the_valid_ones(results):
    with pytest.raises(StoreError, match="postgresql"):
        ingest.ingest(results, "mysql://host/db")


def test_the_store_never_loads_torch():
    code = "import sys, fpd_bench.store.query, fpd_bench.store.ingest; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
