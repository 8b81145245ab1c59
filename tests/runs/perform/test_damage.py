"""Damage before DONE: each file is used as it was written, or made again from the last sound stage."""

import os
import shutil

import pytest

from fpd_bench.config.compose import compose
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.perform import suite_answer
from fpd_bench.runs.perform.stages import Bench, perform


def half_copied(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 3] + bytes(len(data) - len(data) // 3))


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) * 2 // 3] ^= 1
    path.write_bytes(bytes(data))


def a_directory(path):
    path.unlink()
    path.mkdir()


def a_fifo(path):
    path.unlink()
    os.mkfifo(path)


DAMAGE = {
    "half copied": half_copied,
    "a flipped bit": flipped,
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(bytes(range(256)) * 8),
    "a directory": a_directory,
    "a fifo": a_fifo,
    "gone": lambda path: path.unlink(),
}
RESULTS = {"student.safetensors": "train", "samples/test.npz": "sample", "eval/test.jsonl": "evaluate"}
SEALS = ("student.sha256", "samples/test.sha256", "eval/test.sha256")


@pytest.fixture(scope="module")
def bench():
    return Bench()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return tmp_path_factory.mktemp("finished")


@pytest.fixture
def run(tiny, bench, finished, tmp_path):
    """A copy of a run that has made all its files, and would write DONE next; and what it must give."""
    whole = RunDir.create(finished, compose([*tiny.BASE, "optim.steps=6"]))
    assert perform(whole, bench).status == "done"
    copy = RunDir(tmp_path / "runs" / whole.run_id)
    shutil.copytree(whole.path, copy.path)
    (copy.path / "DONE").unlink()
    copy.expected = tiny.fingerprint(whole)
    return copy


def stages_of(run, attempt):
    return [e["stage"] for e in run.events() if e["kind"] == "stage_started" and e["attempt"] == attempt]


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("name", RESULTS)
def test_a_damaged_result_is_made_again_and_no_other(run, bench, tiny, name, how):
    DAMAGE[how](run.path / name)
    assert perform(run, bench).status == "done"
    assert stages_of(run, 2) == [RESULTS[name]]
    assert tiny.fingerprint(run) == run.expected
    warned = [event["message"] for event in run.events() if event["kind"] == "warning"]
    assert len(warned) == (how != "gone") and all(name in message for message in warned)


@pytest.mark.parametrize("how", ["half copied", "a flipped bit", "cut", "empty"])
def test_no_image_is_drawn_from_a_damaged_student(run, bench, tiny, how):
    shutil.rmtree(run.path / "samples")
    shutil.rmtree(run.path / "eval")
    DAMAGE[how](run.student)
    assert perform(run, bench).status == "done"
    assert stages_of(run, 2) == ["train", "sample", "evaluate"]
    assert tiny.fingerprint(run) == run.expected


@pytest.mark.parametrize("how", ["garbage", "empty", "a directory", "gone"])
@pytest.mark.parametrize("seal", SEALS)
def test_a_file_whose_hash_is_lost_is_made_again(run, bench, tiny, seal, how):
    DAMAGE[how](run.path / seal)
    assert perform(run, bench).status == "done"
    assert len(stages_of(run, 2)) == 1 and tiny.fingerprint(run) == run.expected


@pytest.mark.parametrize("how", ["half copied", "a directory"])
def test_without_a_sound_checkpoint_a_damaged_student_is_trained_anew(run, bench, tiny, how):
    for path in [run.student, *run.checkpoints.glob("*.pt")]:
        DAMAGE[how](path)
    assert perform(run, bench).status == "done"
    assert tiny.fingerprint(run) == run.expected


def test_what_is_damaged_while_a_later_stage_works_is_made_again_before_done(run, bench, tiny, monkeypatch):
    shutil.rmtree(run.path / "eval")
    real = suite_answer._measure

    def measure(*arguments):
        flipped(run.student)
        monkeypatch.setattr(suite_answer, "_measure", real)
        return real(*arguments)

    monkeypatch.setattr(suite_answer, "_measure", measure)
    assert perform(run, bench).status == "done"
    assert stages_of(run, 2) == ["evaluate", "train"] and tiny.fingerprint(run) == run.expected


def test_done_vouches_for_what_was_written_not_for_what_it_finds(run):
    expected = {name: (run.path / seal).read_text().strip() for name, seal in zip(RESULTS, SEALS, strict=True)}
    flipped(run.student)
    run.finish("done")
    assert run.done()["files"] == expected


def test_a_line_of_an_unfinished_evaluation_that_is_not_as_written_is_scored_again(run, bench, tiny):
    rows = run.scores()["test"]
    (run.path / "eval" / "test.jsonl").unlink()
    for row in rows[:4]:
        run.append_score("test", row)
    partial = run.path / "eval" / "test.partial"
    first, rest = partial.read_text().split("\n", 1)
    wrong = first.replace('"score": 1.0', '"score": 0.0') if '"score": 1.0' in first else first.replace("0.0", "1.0", 1)
    assert wrong != first
    partial.write_text(f"{wrong}\n{rest}")
    assert len(run.partial_scores("test")) == 3
    assert perform(run, bench).status == "done"
    assert tiny.fingerprint(run) == run.expected
