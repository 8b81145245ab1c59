"""Sweeps on a real SLURM: `make test-slow ARGS=tests/slurm`. The cluster is tests/slurm/slurm-up."""

import json
import os
import signal
import subprocess

import pytest

from fpd_bench.config.spec import load_sweep
from fpd_bench.runs import submissions
from fpd_bench.runs.state import state_of
from fpd_bench.runs.sweeping import open_run

pytestmark = pytest.mark.slow
SLURM = ["executor=slurm", "executor.timeout_min=30"]
ONE = ["estimator=ste", "seeds=[0]"]
WAIT = 900  # torch takes its time to load on busy cores


@pytest.fixture
def sweep(tiny, tmp_path):
    return tiny.write_sweep(tmp_path)


@pytest.fixture
def results(tmp_path):
    return tmp_path / "results"


def runs_of(sweep, results, overrides=()):
    return [open_run(results, run_id) for run_id in load_sweep(sweep, list(overrides)).runs()]


def slurm(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def training_at(run, step):
    return lambda: max((row["step"] for row in run.training_log()), default=0) >= step


def test_an_array_makes_every_run_once_and_a_failing_cell_fails_alone(tiny, sweep, results, monkeypatch):
    runs = runs_of(sweep, results)
    process = tiny.start("sweep", sweep, *SLURM, "executor.max_parallel=2", "--results", results)
    tiny.wait_until(lambda: all(run.submission.exists() for run in runs), WAIT)
    (runs[1].path / "config.yaml").write_text("not: a run\n")  # breaks this one cell
    _out, err = process.communicate(timeout=WAIT)
    assert process.returncode == 1, err
    assert [state_of(run).state for run in runs] == ["done", "failed", "done", "done"], err
    assert [run.attempts() for run in (runs[0], runs[2], runs[3])] == [[1]] * 3
    assert not any(run.submission.exists() for run in runs)


def test_a_detached_sweep_is_followed_by_the_next_and_submitted_once(tiny, sweep, results):
    (run,) = runs_of(sweep, results, ONE)
    code, _out, err = tiny.call("sweep", sweep, *ONE, *SLURM, "--detach", "--results", results)
    assert code == 0 and "1 of 1 runs submitted" in err and "--cancel" in err
    first = submissions.read(run)
    code, out, err = tiny.call("sweep", sweep, *ONE, *SLURM, "--results", results)
    assert code == 0 and "STE" in out, err
    assert first.token == f"{run.run_id}/1" and run.attempts() == [1]
    assert run.attempt(1)["environment"]["SLURM_JOB_ID"] == first.job_id


def test_the_same_sweep_launched_twice_at_once_makes_each_run_once(tiny, sweep, results):
    both = [tiny.start("sweep", sweep, *SLURM, "--results", results) for _ in range(2)]
    heard = [process.communicate(timeout=WAIT) for process in both]
    assert [process.returncode for process in both] == [0, 0], heard
    assert [run.attempts() for run in runs_of(sweep, results)] == [[1]] * 4


def test_scancel_is_told_and_the_same_command_continues(tiny, sweep, results):
    (run,) = runs_of(sweep, results, ONE)
    process = tiny.start("sweep", sweep, *ONE, *SLURM, "--results", results, TINY_SECONDS="0.2")
    tiny.wait_until(training_at(run, 7), WAIT)
    slurm("scancel", submissions.read(run).job_id)
    _out, err = process.communicate(timeout=WAIT)
    assert process.returncode == 1 and "was cancelled" in err
    assert tiny.call("sweep", sweep, *ONE, *SLURM, "--results", results)[0] == 0
    assert run.attempts() == [1, 2]


def test_a_warned_job_saves_requeues_itself_and_resumes(tiny, sweep, results):
    (run,) = runs_of(sweep, results, ONE)
    process = tiny.start("sweep", sweep, *ONE, *SLURM, "--results", results, TINY_SECONDS="0.2")
    tiny.wait_until(training_at(run, 7), WAIT)
    job = submissions.read(run).job_id
    slurm("scancel", "--signal=USR2", job)  # what SLURM sends before a time limit
    _out, err = process.communicate(timeout=WAIT)
    assert process.returncode == 0, err
    kinds = [event["kind"] for event in run.events()]
    assert kinds.index("interrupted") < kinds.index("requeued") and run.attempts() == [1, 2]
    records = [run.attempt(n)["environment"] for n in (1, 2)]
    assert {record["SLURM_JOB_ID"] for record in records} == {job}


def test_ctrl_c_leaves_the_jobs_and_cancel_takes_them_back(tiny, sweep, results):
    (run,) = runs_of(sweep, results, ONE)
    process = tiny.start("sweep", sweep, *ONE, *SLURM, "--results", results, TINY_SECONDS="0.5")
    tiny.wait_until(lambda: submissions.read(run) and submissions.read(run).job_id, WAIT)
    os.killpg(process.pid, signal.SIGINT)
    _out, err = process.communicate(timeout=WAIT)
    job = submissions.read(run).job_id
    assert "The jobs go on." in err and job in slurm("squeue", "-h", "-o", "%i").split()
    assert "1 runs taken back" in tiny.call("sweep", sweep, *ONE, "--cancel", "--results", results)[2]
    tiny.wait_until(lambda: job not in slurm("squeue", "-h", "-o", "%i").split(), WAIT)
    assert state_of(run).state in ("planned", "interrupted", "stale")


def test_a_partition_that_does_not_exist_is_told_before_anything_starts(tiny, sweep, results):
    code, _out, err = tiny.call("sweep", sweep, *SLURM, "executor.partition=mian", "--results", results)
    assert code == 2 and "Unknown partition 'mian'. Did you mean 'main'? Available: main, preempt." in err
    assert not results.exists()


def test_a_dry_run_prints_the_head_of_the_batch_file(tiny, sweep, results):
    code, out, _err = tiny.call("sweep", sweep, *SLURM, "executor.gpus=1", "--dry-run", "--results", results)
    assert code == 0 and "4 runs in 4 jobs in 1 arrays; at most 2.0 GPU-hours" in out
    assert "#SBATCH --array=0-3%4" in out and "#SBATCH --time=30" in out and "#SBATCH --signal=USR2@90" in out
    assert not results.exists()


def test_a_submitter_that_died_before_sbatch_is_found_out(tiny, sweep, results):
    from dataclasses import asdict, replace

    from fpd_bench.runs.rundir import RunDir

    (config,) = load_sweep(sweep, ONE).runs().values()
    run = RunDir.create(results, config)
    claim = submissions.claim(run, submissions.new_batch(), -1)
    run.submission.write_text(json.dumps(asdict(replace(claim, pid=2**22 + 1, started="0"))))
    code, _out, err = tiny.call("sweep", sweep, *ONE, *SLURM, "--results", results)
    assert code == 0 and run.attempts() == [1], err
