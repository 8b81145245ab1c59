"""What SLURM says, late, wrong or not at all. Small programs first in PATH speak for squeue and sacct."""

import time
from dataclasses import replace

import pytest

from fpd_bench.runs.folder import submissions
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.slurm import scheduler
from fpd_bench.runs.slurm.scheduler import Scheduler
from fpd_bench.runs.watch.state import state_of, with_scheduler_answers


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "results" / "runs" / "0123456789ab"
    folder.mkdir(parents=True)
    (tmp_path / "results" / "slurm" / "fpd-a").mkdir(parents=True)
    return RunDir(folder)


@pytest.fixture
def job(run):
    """Submission of job 17."""
    return submissions.record(run, submissions.claim(run, "fpd-a", -1), "17")


@pytest.fixture
def says(tmp_path, monkeypatch):
    """says(squeue=SHELL, sacct=SHELL): what the commands do."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(scheduler, "SECONDS", 1)

    def put(**commands):
        for name, text in commands.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)

    put(squeue="exit 1", sacct="exit 1")
    return put


def ask(job, grace_min=10.0, notes=None, **more):
    return Scheduler(grace_min, notes).ask([job], **more)[job.token]


def test_squeue_is_believed_and_sacct_only_where_squeue_does_not_know(job, says):
    says(squeue="echo 'fpd-a|17|RUNNING|n1'", sacct="echo 'fpd-a|17|FAILED|n1'")
    assert ask(job) == scheduler.Answer("17", "RUNNING", "n1")
    says(squeue="true")
    assert ask(job) == scheduler.Answer("17", "FAILED", "n1", over=True)


@pytest.mark.parametrize("sacct", ["exit 1", "true", "sleep 5", "echo 'sacct: error: no accounting'; exit 1", "echo ?"])
def test_without_a_word_from_sacct_the_job_is_alive_until_the_grace_ends(job, says, sacct):
    says(squeue="true", sacct=sacct)
    answer = ask(job)
    assert not answer.over and str(answer) == "unknown to SLURM for 0 min, counts as running for 10 min more"
    assert ask(job, grace_min=-1).over


def test_a_slow_sacct_is_not_asked_every_time(job, says, tmp_path):
    says(squeue="true", sacct=f"echo >> {tmp_path}/asked; sleep 5")
    asking = Scheduler(10)
    began = time.monotonic()
    for _ in range(5):
        assert not asking.ask([job])[job.token].over
    assert (tmp_path / "asked").read_text() == "\n" and time.monotonic() - began < 5


def test_a_job_of_yesterday_is_found_after_midnight(job, says):
    today = """while [ $# -gt 0 ]; do [ "$1" = -S ] && since=$2; shift; done
[ -n "$since" ] && [ "$since" != "$(date +%Y-%m-%d)" ] && echo 'fpd-a|17|COMPLETED|n1'; true"""
    says(squeue="true", sacct=today)
    assert ask(job).state == "COMPLETED"


def test_a_job_that_sacct_never_closed_is_not_waited_for_for_ever(job, says):
    says(squeue="true", sacct="echo 'fpd-a|17|RUNNING|n1'")
    assert ask(job).state == "UNKNOWN" and ask(job, grace_min=-1).over


def test_an_old_end_is_not_believed_while_squeue_is_silent(job, says):
    says(sacct="echo 'fpd-a|17|NODE_FAIL|n1'")  # SLURM may have requeued it since
    assert not ask(job).over
    says(squeue="true")
    assert ask(job).over


def test_a_preempted_job_that_squeue_does_not_know_is_over(job, says):
    says(sacct="echo 'fpd-a|17|PREEMPTED|n1'")
    assert not ask(job).over
    says(squeue="true")
    assert ask(job) == scheduler.Answer("17", "PREEMPTED", "n1", over=True)


def test_the_grace_goes_on_counting_from_one_process_to_the_next(job, run, says):
    says(squeue="true", sacct="true")
    notes = run.path.parents[1] / "slurm"
    ask(job, notes=notes)
    (note,) = (notes / "fpd-a").iterdir()
    note.write_text(str(time.time() - 500))
    assert 99 < ask(job, notes=notes).left_s < 101
    note.write_text(str(time.time() - 700))
    assert ask(job, notes=notes).over
    says(squeue="echo 'fpd-a|17|RUNNING|n1'")
    assert not ask(job, notes=notes).over and not note.exists()


def test_a_run_that_still_writes_is_alive_whatever_slurm_forgets(job, run, says):
    says(squeue="true", sacct="true")
    notes = run.path.parents[1] / "slurm"
    (notes / "fpd-a" / f"{run.run_id}.1.unknown").write_text("0")  # for ever
    assert ask(job, notes=notes).over
    run.append_event({"seq": 0, "attempt": 1, "kind": "progress"})
    assert not ask(job, notes=notes, signs={job.token: submissions.last_written(run)}).over


def test_status_tells_the_grace_that_the_job_was_submitted_with(run, says):
    claim = submissions.claim(run, "fpd-a", -1, grace_min=20)
    submissions.record(run, claim, "17")
    says(squeue="true", sacct="true")
    (state,) = with_scheduler_answers({run.run_id: state_of(run)}, {run.run_id: run}).values()
    assert state.state == "queued" and "counts as running for 20 min more" in state.message
    (run.path.parents[1] / "slurm" / "fpd-a" / f"{run.run_id}.1.unknown").write_text("0")
    (state,) = with_scheduler_answers({run.run_id: state_of(run)}, {run.run_id: run}).values()
    assert state.state == "stale" and "the same command continues" in state.message


@pytest.mark.parametrize(("said", "limit"), [("MaxArraySize = 1001", 1001), ("MaxArraySize=0", 1), ("", None)])
def test_the_site_says_how_large_an_array_may_be(says, said, limit):
    says(scontrol=f"echo 'Configuration data'; echo '{said}'")
    assert scheduler.array_limit() == limit


def test_a_submission_without_a_job_is_over_once_its_submitter_is_gone(run, says):
    claim = submissions.claim(run, "fpd-a", -1)
    says(squeue="true", sacct="true")
    assert not ask(claim).over
    gone = replace(claim, pid=2**22 + 1, started="0")
    assert ask(gone).over
    says(squeue="exit 1")
    assert not ask(gone).over  # its job may be there, and SLURM does not answer
