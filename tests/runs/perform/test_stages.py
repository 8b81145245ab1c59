"""A run's life in this process: train, sample, evaluate, DONE; stopped anywhere, it goes on to the same numbers."""

import os
import re
import signal
import threading
import time

import pytest
import torch

from fpd_bench.config.compose import compose
from fpd_bench.runs.folder import checkpoints, claims
from fpd_bench.runs.folder.outcome import Outcome
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.perform.stages import Bench, perform
from fpd_bench.runs.watch.row_scores import RowScore, render_scores, run_score
from fpd_bench.runs.watch.state import state_of


@pytest.fixture(scope="module")
def bench():
    return Bench()


@pytest.fixture
def make(tiny, tmp_path):
    """make(*overrides, folder=...) -> a new run of the tiny track."""

    def create(*overrides, folder="results"):
        return RunDir.create(tmp_path / folder, compose([*tiny.BASE, *overrides]))

    return create


def kinds(run):
    return [event["kind"] for event in run.events() if event["kind"] != "progress"]


def stop_at(run, step, number=signal.SIGTERM):
    """Send this process a signal once the training log of `run` has reached `step`."""

    def watch():
        while run.attempts() == [] or max((row["step"] for row in run.training_log()), default=0) < step:
            time.sleep(0.001)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def test_a_run_goes_from_nothing_to_done(make, bench):
    run = make()
    assert perform(run, bench) == Outcome(run.run_id, "done")
    stages = [kind for stage in range(3) for kind in ("stage_started", "stage_finished")]
    assert [kind for kind in kinds(run) if kind != "checkpoint"] == ["attempt_started", *stages, "finished"]
    assert sorted(run.done()["files"]) == ["eval/test.jsonl", "samples/test.npz", "student.safetensors"]
    rows = run.scores()["test"]
    assert [(row["item"], row["replicate"]) for row in rows][:3] == [("0-dark", 0), ("0-dark", 1), ("1-bright", 0)]
    assert len(rows) == 8 and {row["task"] for row in rows} == {"colors", "counting"}
    assert run_score(run, "overall") == pytest.approx((run_score(run, "colors") + run_score(run, "counting")) / 2)
    assert not run.claim.exists()
    assert [event["seq"] for event in run.events()] == list(range(len(run.events())))


def test_a_done_run_is_not_run_again(make, bench):
    run = make()
    perform(run, bench)
    before = run.events()
    assert perform(run, bench).status == "done"
    assert (run.events(), run.attempts()) == (before, [1])


def test_the_same_configuration_gives_the_same_bytes(make, bench, tiny):
    first, second = make(), make(folder="again")
    assert perform(first, bench).status == "done", first.events()[-1]
    assert perform(second, bench).status == "done", second.events()[-1]
    assert tiny.fingerprint(first) == tiny.fingerprint(second)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2])
def test_a_run_that_is_stopped_saves_and_goes_on_to_the_same_numbers(make, bench, tiny, number):
    whole, run = make("optim.steps=60"), make("optim.steps=60", folder="stopped")
    perform(whole, bench)
    watcher = stop_at(run, 7, number)
    assert perform(run, bench).status == "interrupted"
    watcher.join()
    state = state_of(run)
    assert (state.state, state.attempt, state.stage) == ("interrupted", 1, "train")
    assert (
        run.events()[-1]["step"] == run.training_log()[-1]["step"] >= 7
    )  # saved where it stopped, not at the checkpoint before
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert perform(run, bench).status == "done"
    assert run.attempts() == [1, 2]
    assert tiny.fingerprint(run) == tiny.fingerprint(whole)


def test_a_damaged_checkpoint_costs_time_and_nothing_else(make, bench, tiny):
    whole, run = make("optim.steps=60"), make("optim.steps=60", folder="damaged")
    perform(whole, bench)
    stop_at(run, 12)
    perform(run, bench)
    newest = max(run.checkpoints.glob("*.pt"), key=lambda path: int(path.stem[5:]))
    newest.write_bytes(newest.read_bytes()[:-7])
    assert perform(run, bench).status == "done"
    warnings = [event["message"] for event in run.events() if event["kind"] == "warning"]
    assert len(warnings) == 1 and newest.name in warnings[0]
    assert tiny.fingerprint(run) == tiny.fingerprint(whole)


def test_a_scorer_that_fails_is_resumed_at_its_item(make, bench, monkeypatch):
    run = make()
    monkeypatch.setenv("TINY_FAILURE", "2-dim")
    outcome = perform(run, bench)
    assert outcome.status == "failed" and "the scorer gave up at 2-dim" in outcome.message
    state = state_of(run)
    assert state.state == "failed" and "tiny_bench.py" in state.traceback
    assert [row["item"] for row in run.partial_scores("test")] == ["0-dark"] * 2 + ["1-bright"] * 2
    assert run.scores() == {}
    monkeypatch.setenv("TINY_FAILURE", "0-dark")  # would fail if it were scored again
    assert perform(run, bench).status == "done"
    assert [event["stage"] for event in run.events() if event["kind"] == "stage_started"] == [
        "train", "sample", "evaluate", "evaluate",
    ]  # fmt: skip
    assert len(run.scores()["test"]) == 8


def test_a_loss_that_is_not_finite_is_a_result(make, bench, monkeypatch):
    run = make()
    monkeypatch.setenv("TINY_NAN", "1")
    assert perform(run, bench).status == "diverged"
    assert run.done()["status"] == "diverged" and run.events()[-1]["kind"] == "diverged"
    assert state_of(run).has_result and run_score(run, "overall") is None
    assert perform(run, bench).status == "diverged"
    assert run.attempts() == [1]


def test_a_loss_that_stops_being_finite_leaves_the_last_good_checkpoint_and_a_word_in_the_table(
    make, bench, monkeypatch
):
    run = make("optim.steps=60")
    stop_at(run, 12)
    perform(run, bench)
    monkeypatch.setenv("TINY_NAN", "1")
    assert perform(run, bench).status == "diverged"
    last = run.events()[-1]
    assert last["kind"] == "diverged" and last["step"] >= 12 and f"at step {last['step']}" in last["message"]
    step, state = checkpoints.load(run.checkpoints, pytest.fail)
    assert step == last["step"] and all(torch.isfinite(tensor).all() for tensor in state["student"].values())
    row = RowScore("a", "ste", "STE", None, 0, 1, diverged=1, published=None)
    assert "diverged" in render_scores([row], "overall")


def test_a_teacher_is_sampled_without_training(make, bench):
    run = make("method=teacher", "evaluation.teacher_steps=1")
    assert perform(run, bench).status == "done"
    assert [event["stage"] for event in run.events() if event["kind"] == "stage_started"] == ["sample", "evaluate"]
    assert not run.student.exists()


def test_a_run_that_another_process_has_is_left_alone(make, bench):
    run = make()
    claim = claims.acquire(run.claim, 1)
    outcome = perform(run, bench)
    assert outcome.status == "busy" and f"already running: process {os.getpid()}" in outcome.message
    assert run.events() == [] and claims.is_held(run.claim, claim)


def test_a_process_that_was_replaced_writes_nothing_more(make, bench):
    run = make("optim.steps=60")

    def take_over():
        while not run.training_log():
            time.sleep(0.001)
        run.claim.unlink()
        run.claim.write_text("{}")

    thread = threading.Thread(target=take_over, daemon=True)
    thread.start()
    assert perform(run, bench).status == "busy"
    thread.join()
    assert not run.student.exists() and run.claim.exists()
    assert "finished" not in kinds(run) and "failed" not in kinds(run)


def test_a_run_that_cannot_begin_says_why(make, bench):
    run = make()
    text = (run.path / "config.yaml").read_text()
    assert "\n  lr: " in text
    (run.path / "config.yaml").write_text(re.sub(r"(optim:\n(?:  .*\n)*?  lr: )\S+", r"\g<1>-1.0", text))
    outcome = perform(run, bench)
    assert outcome.words.startswith("failed config: ConfigError: optim.lr must be more than 0")
    assert state_of(run).state == "failed"


def test_raw_weights_can_be_evaluated(make, bench):
    run = make("evaluation.weights=raw")
    assert perform(run, bench).status == "done"


def test_a_run_says_how_much_its_pictures_of_a_prompt_differ(tmp_path, bench):
    asked = ["method=teacher", "track.preset=plain", "evaluation.teacher_steps=1", "evaluation.split=validation"]
    two, one = (RunDir.create(tmp_path, compose([*asked, f"evaluation.images_per_prompt={n}"])) for n in (2, 1))
    assert perform(two, bench).status == perform(one, bench).status == "done"
    found = {row["metric"]: row for rows in two.scores().values() for row in rows if "metric" in row}
    assert set(found) == {"differ", "same", "distinct"} and 0.3 < found["differ"]["value"] < 0.8
    assert found["same"]["protocol"] == {"measure": "tokens of shapes/plain", "images_per_prompt": 2}
    assert not [row for rows in one.scores().values() for row in rows if "metric" in row]
