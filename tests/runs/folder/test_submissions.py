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


def test_jobs_tell_each_other_how_often_runs_have_failed_alike(tmp_path):
    runs = [RunDir(tmp_path / "runs" / f"{n:012x}") for n in range(3)]
    for run in runs:
        run.path.mkdir(parents=True)
    mine = replace(submissions.claim(runs[0], "fpd-a", 0), most_alike=2)
    assert not submissions.failed_too_often(runs[2], mine)
    submissions.note_mistake(runs[0], mine, "f" * 64)
    submissions.note_mistake(runs[0], mine, "f" * 64)  # the same run again counts once
    submissions.note_mistake(runs[1], mine, "0" * 64)  # another mistake
    assert not submissions.failed_too_often(runs[2], mine)
    submissions.note_mistake(runs[1], mine, "f" * 64)
    assert submissions.failed_too_often(runs[2], mine)
    assert not submissions.failed_too_often(runs[2], replace(mine, most_alike=3))
    assert not submissions.failed_too_often(runs[2], replace(mine, most_alike=0))  # 0 = never
    assert not submissions.failed_too_often(runs[2], replace(mine, batch="fpd-b"))


def test_a_mistake_that_cannot_be_written_ends_nothing(tmp_path):
    run = RunDir(tmp_path / "runs" / "0123456789ab")
    run.path.mkdir(parents=True)
    (tmp_path / submissions.LOGS).write_text("a file where the folder would be")
    mine = replace(submissions.claim(run, "fpd-a", 0), most_alike=1)
    submissions.note_mistake(run, mine, "f" * 64)
    assert not submissions.failed_too_often(run, mine)


def test_the_output_of_a_job_is_all_that_its_tasks_have_printed(tmp_path):
    run = RunDir(tmp_path / "runs" / "0123456789ab")
    run.path.mkdir(parents=True)
    for batch, name, text in [
        ("fpd-a", "17_3_0_log.out", " one\n"),
        ("fpd-a", "17_3_1_log.out", b"t\xffwo"),
        ("fpd-a", "17_3_0_log.err", "trouble"),
        ("fpd-a", "17_33_0_log.out", "another job's"),
        ("fpd-a", "17_3_2_log.out", " \n"),
    ]:
        path = tmp_path / submissions.LOGS / batch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert submissions.job_output(run, "17_3", "out") == "one\nt\N{REPLACEMENT CHARACTER}wo"
    assert submissions.job_output(run, "17_3", "err") == "trouble"
    assert submissions.job_output(run, "17_4", "out") == submissions.job_output(run, "*", "out") == ""


def test_a_log_that_cannot_be_read_is_empty(tmp_path):
    assert submissions.read_log(tmp_path / "nothing") == submissions.read_log(tmp_path) == ""


def test_no_two_batches_have_one_name():
    names = {submissions.new_batch() for _ in range(100)}
    assert len(names) == 100 and all(name.startswith("fpd-") and len(name) == 14 for name in names)


@pytest.mark.parametrize("field", [field for field in submissions.FIELDS if field != "batch"])
def test_a_submission_with_a_field_of_nothing_is_one_corrupt_run(run, field):
    given = submissions.claim(run, "fpd-a", -1)
    run.submission.write_text(dumps(asdict(given) | {field: None}))
    state = with_scheduler_answers({run.run_id: state_of(run)}, {run.run_id: run})
    assert state[run.run_id].state == "corrupt" and field in state[run.run_id].message
