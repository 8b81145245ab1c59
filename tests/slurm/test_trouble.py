"""A cluster that refuses, forgets or falls silent while a sweep is under way."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from fpd_bench.runs.folder import submissions
from fpd_bench.runs.slurm import follow
from fpd_bench.runs.watch.state import state_of

pytestmark = pytest.mark.slow


def test_a_request_that_no_node_can_serve_is_refused_and_leaves_nothing(bench):
    code, _out, err = bench.slurm("executor.gpus=64", "execution.device=cuda")
    assert code == 2 and "sbatch refused" in err and "Requested node configuration is not available" in err
    assert not any(run.submission.exists() or run.attempts() for run in bench.runs())


def test_what_a_limit_refuses_waits_until_there_is_room(bench, monkeypatch, put_first, tmp_path):
    """The site takes two jobs and no more; later it has room."""
    sbatch = shutil.which("sbatch")
    second = f"echo >> {tmp_path}/asked; [ $(wc -l < {tmp_path}/asked) = 2 ]"
    put_first("sbatch", f'{second} && {{ echo "AssocMaxSubmitJobLimit" >&2; exit 1; }}\nexec {sbatch} "$@"')
    monkeypatch.setattr(follow, "RETRY_SECONDS", 5)
    err = bench.finish("executor.array_size=2")
    assert "waiting for sbatch, as do 1 others: sbatch refused 2 jobs" in err and "AssocMaxSubmitJobLimit" in err
    assert [run.attempts() for run in bench.runs()] == [[1]] * 4
    assert (tmp_path / "asked").read_text() == "\n" * 3


def test_a_controller_that_restarts_in_mid_sweep_is_survived(slurm, bench, alone):
    """It is killed while the run works, and started again after the run has ended."""
    process = bench.tiny.start(
        "sweep", bench.file, *bench.one, "executor=slurm", "--results", bench.results, TINY_SECONDS="0.3"
    )
    (run,) = bench.runs(*bench.one)
    bench.at_step(run)
    os.kill(int((slurm / "run" / "slurmctld.pid").read_text()), signal.SIGKILL)
    try:
        bench.tiny.wait_until(run.is_done, 600)
    finally:
        subprocess.run([Path(__file__).parent / "slurm-up", slurm], check=True, capture_output=True)
    _out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    bench.finish(*bench.one)
    assert run.attempts() == [1]


def test_without_sacct_a_forgotten_job_is_told_by_its_files(bench, put_first, monkeypatch, tmp_path):
    """squeue forgets the job at once, sacct is slow, then empty, then missing: nothing is submitted twice."""
    monkeypatch.setattr(follow, "POLL_SECONDS", 1)
    monkeypatch.setattr("fpd_bench.runs.slurm.scheduler.SECONDS", 1)
    monkeypatch.setattr("fpd_bench.runs.slurm.scheduler.REST_SECONDS", 1)
    put_first("squeue", "true")
    put_first(
        "sacct", f"echo >> {tmp_path}/asked; case $(wc -l < {tmp_path}/asked) in 1) sleep 5;; 2) ;; *) exit 1;; esac"
    )
    bench.setenv("TINY_SECONDS", "0.1")
    bench.finish(*bench.one)
    (run,) = bench.runs(*bench.one)
    assert run.attempts() == [1] and (tmp_path / "asked").read_text().count("\n") >= 3


def test_a_lost_job_is_submitted_again_when_the_grace_has_ended(bench, put_first, monkeypatch, ask):
    """The job vanished with SLURM's memory of it."""
    monkeypatch.setattr(follow, "POLL_SECONDS", 1)
    (run,) = bench.detach(*bench.one, "executor.sbatch.hold=true", "executor.grace_min=0")
    first = submissions.read(run)
    ask("scancel", first.job_id)
    real = shutil.which("squeue")
    put_first("squeue", f'{real} "$@" | grep -v "|{first.job_id}|"; true')
    put_first("sacct", "true")
    bench.finish(*bench.one, "executor.grace_min=0")
    assert run.attempt(1)["environment"]["SLURM_JOB_ID"] != first.job_id and run.attempts() == [1]


def spoilt(run, **fields):
    """The run's record with other fields, as a copy from elsewhere or a hostile hand leaves it."""
    text = json.dumps(json.loads(run.submission.read_text()) | fields)
    run.submission.unlink()
    run.submission.write_text(text)


@pytest.mark.parametrize("who", ["root", "nobody"])
def test_cancel_leaves_alone_a_job_that_only_has_the_number_of_ours(bench, ask, who):
    """The record was copied from another cluster; here its number is somebody's."""
    theirs = ask("sbatch", "-H", f"--uid={who}", "--parsable", "-J", "theirs", "-o", "/dev/null", "--wrap", "sleep 1")
    theirs = theirs.strip()
    (run,) = bench.detach(*bench.one, "executor.sbatch.hold=true")
    mine = submissions.read(run).job_id
    try:
        spoilt(run, job_id=theirs)
        code, _out, err = bench.sweep(*bench.one, "--cancel")
        assert code == 2 and f"job {theirs} is 'theirs of {who}' on this cluster, not a job of this run" in err
        assert {theirs, mine} <= set(ask("squeue", "-h", "-o", "%i").split()) and run.submission.exists()
    finally:
        ask("scancel", theirs, mine)


@pytest.mark.parametrize(
    "fields",
    [{"job_id": "--user=root"}, {"job_id": "1 2"}, {"batch": "../../notes"}, {"batch": "--me"}, {"token": "../x/1"},
     {"job_id": 17}, {"index": "0"}, {"exclude": "n1 --uid=0"}, {"grace_min": "ten"}],
)  # fmt: skip
def test_words_that_are_none_of_ours_are_never_options_or_paths(bench, ask, fields):
    (run,) = bench.detach(*bench.one, "executor.sbatch.hold=true")
    mine = submissions.read(run).job_id
    try:
        spoilt(run, **fields)
        code, _out, err = bench.sweep(*bench.one, "--cancel")
        assert code == 2 and "submission.json" in err and "Traceback" not in err
        assert mine in ask("squeue", "-h", "-o", "%i").split()
        state = state_of(run)
        assert state.state == "corrupt" and "submission.json" in state.message
        assert bench.slurm(*bench.one)[0] == 1 and mine in ask("squeue", "-h", "-o", "%i").split()
        assert not list(bench.results.rglob("*.unknown")) and not list(bench.results.parent.glob("notes*"))
    finally:
        ask("scancel", mine)


def test_cancel_without_an_answer_of_slurm_cancels_nothing(bench, ask, put_first):
    (run,) = bench.detach(*bench.one, "executor.sbatch.hold=true")
    mine = submissions.read(run).job_id
    shim = put_first("squeue", "exit 1")
    code, _out, err = bench.sweep(*bench.one, "--cancel")
    assert code == 2 and "Nothing was cancelled" in err and run.submission.exists()
    shim.unlink()
    assert mine in ask("squeue", "-h", "-o", "%i").split()
    assert "1 runs taken back" in bench.sweep(*bench.one, "--cancel")[2]
