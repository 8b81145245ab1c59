"""What the live view says of runs of several methods, of failures, and after Ctrl-C; all from their files."""

import pytest

from fpd_bench.config.compose import compose
from fpd_bench.runs.folder import claims
from fpd_bench.runs.folder.outcome import Outcome
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.folder.stop_signals import StopFlag
from fpd_bench.runs.watch.live_view import SweepView

METHODS = ("fpd", "dimo", "teacher")


@pytest.fixture
def seen(tiny, tmp_path, monkeypatch):
    """(view, run directories, flag, clock): the view of three runs whose time is told by `clock`."""
    clock = [0.0]
    monkeypatch.setattr("fpd_bench.runs.watch.live_view.time.monotonic", lambda: clock[0])
    configs = {}
    for method in METHODS:
        config = compose([*tiny.BASE, f"method={method}"])
        configs[RunDir.create(tmp_path, config).run_id] = config
    runs = {config.method: RunDir.create(tmp_path, config) for config in configs.values()}
    stop = StopFlag()
    labels = {run_id: config.method for run_id, config in configs.items()}
    return SweepView(configs, labels, tmp_path, "overall", stop), runs, stop, clock


def work(run, stage, step, steps=100):
    """This process has the run and is so far with it."""
    if not run.claim.exists():
        claims.acquire(run.claim, 1)
        run.append_event({"seq": 0, "attempt": 1, "kind": "attempt_started"})
        run.append_event({"seq": 1, "attempt": 1, "kind": "stage_started", "stage": stage})
    run.append_event({"seq": 2, "attempt": 1, "kind": "progress", "step": step, "steps": steps})


def test_a_teacher_that_draws_has_not_done_most_of_a_training(seen):
    view, runs, _stop, clock = seen
    work(runs["teacher"], "sample", 1)
    view.look()
    work(runs["teacher"], "sample", 51)
    clock[0] = 30.0
    assert [state.stage for state in view.look()] == ["sample"]
    # of 30 + 30 steps, and 5.3 for the images of each of three, 1.8 are done in 30 s
    assert view.sentence(1) == "0 of 3 runs ended, 21 min left"


def test_the_time_before_the_first_step_is_no_pace_and_one_look_is_none_yet(seen):
    view, runs, _stop, clock = seen
    clock[0] = 120.0  # torch and the track are being loaded
    view.look()
    assert view.sentence(0) == "0 of 3 runs ended"
    work(runs["fpd"], "train", 2)
    view.look()
    clock[0] = 135.0
    work(runs["fpd"], "train", 12)
    assert view.sentence(len(view.look())) == "0 of 3 runs ended"
    clock[0] = 150.0
    work(runs["fpd"], "train", 22)
    # 6 steps of 30 in 30 s: of 60 steps and the images of three runs, which are 5.3 steps each, 69.3 are left
    assert view.sentence(len(view.look())) == "0 of 3 runs ended, 6 min left"


def test_failed_stopped_and_foreign_runs_are_counted_as_what_they_are(seen):
    view, runs, _stop, clock = seen
    clock[0] = 10.0
    ids = [runs[method].run_id for method in METHODS]
    view.tell(Outcome(ids[0], "failed", "no luck", "code"))
    view.tell(Outcome(ids[1], "busy", "already running"))
    view.tell(Outcome(ids[2], "interrupted", "stopped at step 3"))
    view.look()
    assert view.sentence(0) == "1 of 3 runs ended (1 failed), 1 stopped, 1 of another process"
    view.tell(Outcome(ids[1], "done"))
    assert view.sentence(0).startswith("2 of 3 runs ended (1 failed), 1 stopped")
    assert view.last == f"{ids[1]} dimo: done"


def test_after_ctrl_c_no_time_is_told_but_how_many_are_still_to_save(seen):
    view, runs, stop, clock = seen
    work(runs["fpd"], "train", 5)
    view.look()
    work(runs["fpd"], "train", 50)
    clock[0] = 30.0
    assert "left" in view.sentence(len(view.look()))
    stop._note(2, None)
    assert view.sentence(len(view.look())) == "0 of 3 runs ended, 1 at work until they have saved"
    view.tell(Outcome(runs["fpd"].run_id, "interrupted", "stopped at step 51"))
    assert view.sentence(len(view.look())) == "0 of 3 runs ended, 1 stopped, stopping"
