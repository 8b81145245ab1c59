"""Runs given to batch jobs: by one submitter, given free by the same one, alive while nobody knows better."""

import os
import socket
from dataclasses import asdict, replace
from json import dumps

import pytest

from fpd_bench.runs.folder import claims, submissions
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.slurm import scheduler
from fpd_bench.runs.watch.state import state_of, with_scheduler_answers


@pytest.fixture
def run(tmp_path):
    (tmp_path / "0123456789ab").mkdir()
    return RunDir(tmp_path / "0123456789ab")


@pytest.fixture
def no_slurm(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))


def test_a_run_is_given_to_one_job(run):
    first = submissions.claim(run, "fpd-a", 3)
    assert first.token == "0123456789ab/1" and first.unfinished()
    assert submissions.claim(run, "fpd-b", 0) is None
    named = submissions.record(run, first, first.job_of("17"))
    assert submissions.read(run) == named and named.job_id == "17_3" and not named.unfinished()
    assert not submissions.drop(run, replace(first, batch="fpd-b")) and submissions.read(run)
    assert submissions.drop(run, named) and submissions.read(run) is None
    assert sorted(path.name for path in run.path.iterdir()) == [".submission.json.lock"]


def test_a_submitter_that_died_is_not_waited_for(run):
    claim = submissions.claim(run, "fpd-a", -1)
    assert not replace(claim, pid=2**22 + 1, started="0").unfinished()
    assert replace(claim, host="elsewhere").unfinished()


def test_a_job_counts_as_alive_until_the_grace_ends(run, no_slurm):
    claim = submissions.record(run, submissions.claim(run, "fpd-a", -1), "17")
    patient, impatient = scheduler.Scheduler(10), scheduler.Scheduler(0)
    assert not patient.ask([claim])[claim.token].over
    impatient.ask([claim])
    answer = impatient.ask([claim])[claim.token]
    assert (answer.state, answer.over) == ("UNKNOWN", True)


def test_a_run_in_a_job_is_queued(run, no_slurm):
    submissions.claim(run, "fpd-a", -1)
    state = with_scheduler_answers({run.run_id: state_of(run)}, {run.run_id: run})[run.run_id]
    assert state.state == "queued" and "job fpd-a of" in state.message


def test_what_slurm_says_is_read():
    jobs = scheduler._parse("fpd-a|17_0|CANCELLED by 1000|n1\nfpd-a|17_1|CONFIGURING|(null)\nfpd-a|17_2|NEWSTATE|n2\n")
    assert [(answer.state, answer.node, answer.over) for answer in jobs.values()] == [
        ("CANCELLED", "n1", True), ("CONFIGURING", "", False), ("NEWSTATE", "n2", False),
    ]  # fmt: skip


def test_a_requeued_job_takes_its_own_claim_over_and_no_other(run, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    claim = claims.acquire(run.claim, 1)
    assert claim.job == "17"
    run.claim.write_text(dumps(asdict(replace(claim, host="elsewhere"))))
    claims.release_for_job(run.claim, "18")
    assert claims.acquire(run.claim, 2).host == socket.gethostname()
    run.claim.write_text(dumps(asdict(replace(claim, host="elsewhere", job="18"))))
    with pytest.raises(claims.Claimed, match=r"on elsewhere since .* \(job 18\)"):
        claims.acquire(run.claim, 3)
    claims.release_for_job(run.claim, "18")
    assert claims.acquire(run.claim, 3).pid == os.getpid()
