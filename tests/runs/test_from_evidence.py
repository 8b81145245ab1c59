"""A committed table goes on from its evidence: the runs behind it come back, and are not trained again."""

import gzip
import json
import shutil
from pathlib import Path

import pytest

from fpd_bench import archive, report, sample, status, sweep
from fpd_bench.records import layout
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.watch.past_durations import mean_durations
from fpd_bench.store import evidence, reader

COMMITTED = Path("reports/evidence/tuning_digits")
DERIVED = {"content", "root"}  # a hash that covers files which do not come back, and a place


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("taken") / "results"
    assert archive.import_main([str(COMMITTED), "--results", str(folder)]) == 0
    return folder


def by_run(rows):
    found = {}
    for row in rows:
        found.setdefault(row["run_id"], []).append(row)
    return found


def in_order(rows):
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


def test_every_number_of_a_run_comes_back(results):
    tables = evidence.read(COMMITTED).tables()
    parts = {name: by_run(tables[name]) for name in ("attempts", "metrics", "protocols", "items", "series")}
    assert len(tables["runs"]) == 33
    for row in tables["runs"]:
        found = reader.read(results / layout.RUNS / row["run_id"])
        assert {k: v for k, v in found.run.items() if k not in DERIVED} == {
            k: v for k, v in row.items() if k not in DERIVED
        }
        for name, rows in parts.items():
            assert in_order(found.children[name]) == in_order(rows.get(row["run_id"], [])), name


def test_the_sweep_trains_nothing_and_reports_the_committed_table(results, tmp_path, capsys):
    words = ["sweeps/tuning_digits.yaml", "--results", str(results)]
    assert sweep.main([*words, "--dry-run"]) == 0
    assert "33 done, 0 to do" in capsys.readouterr().err
    assert report.main([*words, "--out", str(tmp_path), "--no-figures"]) == 0
    for ending in ("csv", "tex"):
        name = f"tuning_digits-a.{ending}"
        assert (tmp_path / name).read_bytes() == (COMMITTED.parent.parent / name).read_bytes()


def test_its_history_says_how_long_it_took_in_all(results, capsys):
    run = next(iter(sorted((results / layout.RUNS).iterdir())))
    assert status.main([run.name, "--results", str(results)]) == 0
    assert "all stages finished after" in capsys.readouterr().out


def test_a_plan_takes_no_time_from_such_runs(results):
    assert mean_durations(results) == {}  # only the sum of all stages is known


def test_all_of_a_report_is_taken_once(results, tmp_path, capsys):
    folder = tmp_path / "evidence"
    shutil.copytree(COMMITTED, folder / COMMITTED.name)
    assert archive.import_main([str(folder), "--results", str(results)]) == 0
    said = capsys.readouterr()
    assert "0 runs taken, 33 were here already" in said.err
    assert said.out == f"fpd-bench sweep sweeps/tuning_digits.yaml --results {results}\n"


def test_a_run_without_its_student_says_why(results, capsys):
    run = next(iter(sorted((results / layout.RUNS).iterdir())))
    assert RunDir(run).is_done()
    assert sample.main([run.name, "3", "--results", str(results)]) == 2
    assert "made from the evidence of a report" in capsys.readouterr().err


def changed(folder, change):
    """Copy the evidence with its rows changed."""
    shutil.copytree(COMMITTED, folder)
    file = folder / evidence.INDEX
    content = json.loads(gzip.decompress(file.read_bytes()))
    change({name: table["rows"] for name, table in content["tables"].items()}, content["tables"])
    file.write_bytes(gzip.compress(json.dumps(content).encode()))
    return folder


def test_a_run_of_other_code_is_left_out_and_said(tmp_path, capsys):
    def rename(rows, tables):
        config = rows["runs"][0][tables["runs"]["columns"].index("config")]
        config["optim"]["steps"] += 1

    there = tmp_path / "there"
    assert archive.import_main([str(changed(tmp_path / "old", rename)), "--results", str(there)]) == 0
    said = capsys.readouterr().err
    assert "32 runs taken" in said and "1 left out" in said
    assert len(list((there / layout.RUNS).iterdir())) == 32


def test_a_suite_never_leads_out_of_its_run(tmp_path, capsys):
    def lead_out(rows, tables):
        for row in rows["items"]:
            row[tables["items"]["columns"].index("suite")] = "../../../out"

    there = tmp_path / "there"
    assert archive.import_main([str(changed(tmp_path / "bad", lead_out)), "--results", str(there)]) == 2
    assert "names a suite" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.jsonl"))


def test_a_folder_without_evidence_is_told(tmp_path, capsys):
    assert archive.import_main([str(tmp_path), "--results", str(tmp_path / "there")]) == 2
    assert "holds no evidence" in capsys.readouterr().err
