"""A run that pauses on its way answers its suite there, and goes on as if it had never paused."""

import pytest

from fpd_bench.config.compose import compose
from fpd_bench.records.layout import PAUSE
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.perform.stages import Bench, perform
from fpd_bench.runs.watch.row_scores import run_score
from fpd_bench.store.ingest import ingest
from fpd_bench.store.query import Store


@pytest.fixture
def ask(tiny, tmp_path):
    """Perform the tiny run in a folder up to a pause: (run, outcome)."""

    def perform_to(name, step, *words):
        config = compose([*tiny.BASE, "optim.steps=12", f"execution.pause_at={step}", *words])
        run = RunDir.create(tmp_path / name, config)
        return run, perform(run, Bench())

    return perform_to


def test_a_run_that_pauses_twice_ends_as_the_one_that_never_did(ask, tiny):
    whole, _ = ask("whole", 0)
    run, first = ask("paused", 4)
    assert (first.status, run.is_done()) == ("paused", False) and run.has_paused_at(4)
    assert max(row["step"] for row in run.training_log()) == 4
    again, second = ask("paused", 7)
    last, third = ask("paused", 0)
    assert run.run_id == again.run_id == last.run_id == whole.run_id
    assert [second.status, third.status] == ["paused", "done"]
    assert tiny.fingerprint(last) == tiny.fingerprint(whole)
    assert run_score(last, "overall") == run_score(whole, "overall")
    assert last.attempts() == [1, 2, 3]


def test_paused_again_at_the_same_step_it_does_nothing(ask):
    run, _ = ask("run", 4)
    log = run.training_log()
    _, outcome = ask("run", 4)
    assert outcome.status == "paused" and run.training_log() == log


def test_a_run_killed_between_its_pause_and_its_answers_gives_the_same_answers(ask):
    run, _ = ask("whole", 4)
    (path,) = (run.path / "eval").glob("*.jsonl")
    answers = path.read_bytes()
    other, _ = ask("broken", 4)
    (path,) = (other.path / "eval").glob("*.jsonl")
    path.unlink()
    ask("broken", 4)
    assert path.read_bytes() == answers


def test_a_run_that_is_beyond_the_step_goes_to_its_end(ask):
    ask("run", 8)
    run, outcome = ask("run", 4)
    assert outcome.status == "done" and not run.has_paused_at(4)


def test_a_pause_behind_the_last_step_is_none(ask):
    run, outcome = ask("run", 12)
    assert outcome.status == "done" and not run.has_paused_at(12)


def test_the_index_keeps_the_answers_of_a_pause_apart(ask, tmp_path):
    run, _ = ask("results", 4)
    results = tmp_path / "results"
    ingest(results)
    with Store(results) as store:
        assert store.suites([run.run_id]) == [f"test{PAUSE}4"]
        assert store.runs()[run.run_id].status == "interrupted"
        assert len(store.scores([run.run_id], f"test{PAUSE}4")) == 8
        assert store.scores([run.run_id], "test").empty
    ask("results", 0)
    ingest(results)
    with Store(results) as store:
        assert store.suites([run.run_id]) == ["test", f"test{PAUSE}4"]
        assert len(store.scores([run.run_id], "test")) == 8
