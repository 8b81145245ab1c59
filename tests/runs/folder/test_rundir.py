"""The run directory: whole files, torn lines, DONE, identity."""

import json
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpd_bench.config.identity import run_id, semantic
from fpd_bench.config.schema import ExecutionConfig, RunConfig
from fpd_bench.errors import ConfigError, RunError
from fpd_bench.records import layout
from fpd_bench.registry import estimators
from fpd_bench.runs.folder.rundir import RunDir, find_run
from fpd_bench.runs.folder.whole_files import append_line, write_with


@pytest.fixture
def run(tmp_path):
    return RunDir.create(tmp_path, RunConfig())


def test_a_run_is_named_by_its_meaning_and_keeps_its_configuration(run, tmp_path):
    assert run.path == tmp_path / "runs" / run_id(RunConfig())
    assert run.config() == RunConfig()
    identity = json.loads((run.path / "run.json").read_text())
    assert (identity["run_id"], identity["semantic"]) == (run.run_id, semantic(RunConfig()))
    assert identity["plugins"]["estimator:ste"] == estimators.version("ste")


def test_execution_fields_follow_the_last_command_until_the_run_is_done(run, tmp_path):
    created = (run.path / "run.json").read_bytes()
    other = RunConfig(execution=ExecutionConfig(threads=3))
    assert RunDir.create(tmp_path, other).config() == other
    assert (run.path / "run.json").read_bytes() == created
    run.finish("done")
    assert RunDir.create(tmp_path, RunConfig()).config() == other


def test_a_folder_of_another_configuration_is_not_touched(run, tmp_path):
    (run.path / "run.json").write_text(json.dumps({"run_id": run.run_id, "semantic": {"seed": 9}}))
    with pytest.raises(RunError, match="belongs to another configuration"):
        RunDir.create(tmp_path, RunConfig())


def test_no_run_directory_is_a_mistake_of_the_user(tmp_path):
    with pytest.raises(ConfigError, match="is not a run directory"):
        RunDir(tmp_path / "nowhere").config()


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail(temporary):
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_with(path, fail)
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("file", "old")]


ROWS = st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=8)), min_size=1, max_size=6)


@given(ROWS, st.integers(0, 400), st.dictionaries(st.text(max_size=5), st.integers()))
def test_a_log_cut_at_any_byte_loses_at_most_its_last_line(tmp_path_factory, rows, cut, after):
    run = RunDir(tmp_path_factory.mktemp("run"))
    for row in rows:
        run.append_training(row)
    path = run.path / "train.jsonl"
    whole = path.read_bytes()
    kept = whole[: min(cut, len(whole))]
    path.write_bytes(kept)
    survivors = rows[: kept.count(b"\n")]
    found = run.training_log()
    assert found[: len(survivors)] == survivors
    assert len(found) <= len(survivors) + 1  # a line may be whole but for its newline
    run.append_training(after)
    assert run.training_log() == [*found, after]


def test_rows_of_arrays_are_written_as_plain_numbers(tmp_path):
    import numpy as np

    append_line(tmp_path / "x.jsonl", {"a": np.float32(0.5), "b": np.arange(2)})
    assert json.loads((tmp_path / "x.jsonl").read_text()) == {"a": 0.5, "b": [0, 1]}


@pytest.mark.parametrize("text", ["", '{"run_id": "', "[]", '{"run_id": "other", "status": "done", "files": {}}'])
def test_a_done_that_is_torn_or_foreign_is_none(run, text):
    (run.path / "DONE").write_text(text)
    assert not run.is_done()


def test_done_vouches_for_what_tables_read(run):
    run.append_score("test", {"item": "a"})
    run.finish_evaluation("test", [{"item": "a"}])
    run.finish("done")
    assert run.is_done() and not run.damaged()
    run.evaluation("test").write_text("{}")
    assert run.damaged() == ["eval/test.jsonl"]
    run.evaluation("test").unlink()
    assert not run.is_done()


def test_attempts_are_counted_and_sweep_up_after_a_kill(run):
    litter = run.checkpoints / ".step_5.pt.abcd1234.tmp"
    litter.parent.mkdir()
    litter.write_text("half")
    assert [run.begin_attempt({"host": "a"}), run.begin_attempt({"host": "b"})] == [1, 2]
    assert (run.attempts(), run.attempt(2)["host"], litter.exists()) == ([1, 2], "b", False)


def test_an_attempt_removes_what_killed_writers_left_but_not_what_is_being_written(run):
    (run.path / "samples").mkdir()
    mine = run.path / "samples/.shapes.npz.1.tmp"  # only the holder of the claim writes there
    old, new = run.path / ".config.yaml.1.tmp", run.path / ".claim.json.2.tmp"
    for path in (mine, old, new):
        path.write_text("half")
    os.utime(old, (time.time() - 61, time.time() - 61))
    run.begin_attempt({})
    assert [path.exists() for path in (mine, old, new)] == [False, False, True]


def test_a_run_is_found_by_the_beginning_of_its_id(run, tmp_path):
    assert find_run(tmp_path, run.run_id[:4]).path == run.path
    with pytest.raises(ConfigError, match="0 of 1 runs in"):
        find_run(tmp_path, "zz")


def test_a_score_that_is_not_as_it_was_written_is_not_there(run):
    for n in range(3):
        run.append_score("test", {"item": str(n), "score": 1.0})
    (path,) = (run.path / layout.EVAL).glob("*partial*")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], lines[1].replace("1.0", "0.0"), '{"item": "2", "score": 1.0}\n']))
    assert run.partial_scores("test") == [{"item": "0", "score": 1.0}]


def test_a_pause_is_known_by_the_answers_that_were_given_there(run):
    (run.path / layout.EVAL).mkdir(exist_ok=True)
    (run.path / layout.EVAL / f"validation{layout.PAUSE}75.jsonl").touch()
    assert run.has_paused_at(75) and not run.has_paused_at(5) and not run.has_paused_at(750)


def test_the_output_of_an_attempt_lies_beside_its_record(run):
    run.begin_attempt({})
    assert run.log_file(1) == run.path / layout.ATTEMPTS / "1.log"
    assert (run.path / layout.ATTEMPTS / "1.json").is_file()
