"""Inside a batch job: when a run that is stopped again and again has had enough time, and what of the job's others."""

import pytest

from fpd_bench.config.compose import compose
from fpd_bench.runs.folder import submissions
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.slurm import job


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


@pytest.fixture
def give(tiny, tmp_path):
    """give(count, *overrides, **more) -> so many new runs, given to one job."""

    def made(count, *overrides, **more):
        configs = [compose([*tiny.BASE, "optim.steps=1", *overrides, f"seed={seed}"]) for seed in range(count)]
        runs = [RunDir.create(tmp_path, config) for config in configs]
        for run in runs:
            submissions.record(run, submissions.claim(run, "fpd-a", -1, **more), "17")
        return runs

    return made


@pytest.fixture
def scontrol(tmp_path, monkeypatch):
    """A scontrol that calls every job running; gives the file in which it notes what else it was asked."""
    (tmp_path / "bin").mkdir()
    script = f'#!/bin/sh\n[ "$1" = show ] && echo JobState=RUNNING || echo "$@" >> {tmp_path}/asked\n'
    (tmp_path / "bin" / "scontrol").write_text(script)
    (tmp_path / "bin" / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    return tmp_path / "asked"


def test_a_job_carries_its_runs_one_after_the_other(give):
    runs = give(2)
    assert [end.split()[1] for end in job.carry_out_runs(tuple(str(run.path) for run in runs))] == ["done", "done"]
    assert not any(run.submission.exists() for run in runs)


@pytest.mark.parametrize(("most", "tried"), [(2, 2), (0, 4)])
def test_identical_failures_stop_the_jobs_of_a_batch_that_nobody_follows(give, monkeypatch, most, tried):
    monkeypatch.setenv("TINY_FAILURE", "0-dark")
    runs = give(4, most_alike=most)
    for run in runs:  # as jobs of one array
        job.carry_out_runs((str(run.path),))
    assert [len(run.attempts()) for run in runs] == [1] * tried + [0] * (4 - tried)
    assert not any(run.submission.exists() for run in runs)
    for run in runs[tried:]:
        assert run.events()[-1]["kind"] == "interrupted" and "2 runs of its batch failed" in run.events()[-1]["message"]


def test_a_job_comes_back_for_its_other_runs_when_one_has_had_enough_time(give, scontrol):
    first, second = give(2)
    for run in (first, second):  # each has come back to where it stood
        stopped(run, 5)
        run.append_event(run.next_event("attempt_started"))
    job._go_back(first, [second])
    assert first.events()[-1]["failure_class"] == "timeout" and not first.submission.exists()
    assert scontrol.read_text() == "requeue 17\n" and second.submission.exists()
    scontrol.unlink()
    job._go_back(second, [first])
    assert not scontrol.exists() and not second.submission.exists()
