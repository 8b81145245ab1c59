"""Inside a batch job: when a run that is stopped again and again has had enough time."""

import pytest

from fpd_bench.runs import job
from fpd_bench.runs.rundir import RunDir


@pytest.fixture
def run(tmp_path):
    (tmp_path / "0123456789ab").mkdir()
    return RunDir(tmp_path / "0123456789ab")


def stopped(run, step=None, began=True):
    """One job's events: whether it got to the run, and the checkpoint that it left. Gives whether that was enough."""
    if began:
        run.append_event(run.next_event("attempt_started"))
    if step is not None:
        run.append_event(run.next_event("checkpoint") | {"step": step})
    enough = job.no_progress(run)
    job.note_progress(run, "17")
    return enough


def test_a_run_that_gets_on_is_stopped_as_often_as_it_takes(run):
    assert not any(stopped(run, step) for step in range(1, 20))


def test_a_second_stop_at_the_same_step_is_enough(run):
    assert [stopped(run, 5), stopped(run)] == [False, True]


def test_a_job_that_never_got_to_its_run_is_forgiven_once(run):
    assert [stopped(run, 5), stopped(run, began=False), stopped(run, began=False)] == [False, False, True]


def test_a_first_job_may_end_without_a_step(run):
    assert [stopped(run), stopped(run, began=False)] == [False, False]
