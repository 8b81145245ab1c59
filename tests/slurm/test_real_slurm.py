"""Sweeps on a real SLURM: `make test-slow ARGS=tests/slurm`. The cluster is tests/slurm/slurm-up."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.runs.execute.sweep_plan import open_run
from fpd_bench.runs.folder import submissions
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.watch.state import state_of

pytestmark = pytest.mark.slow
SLURM = ["executor=slurm", "executor.timeout_min=30"]


def test_an_array_makes_every_run_once_and_a_failing_cell_fails_alone(bench, tiny, ask):
    runs = bench.detach("executor.max_parallel=2", "executor.sbatch.hold=true")
    (runs[1].path / "config.yaml").write_text("not: a run\n")  # breaks this one cell
    ask("scontrol", "release", submissions.read(runs[0]).job_id.partition("_")[0])
    tiny.wait_until(lambda: not any(run.submission.exists() for run in runs), 600)
    assert [state_of(run).state for run in runs] == ["done", "failed", "done", "done"]
    bench.finish()  # the command writes the configuration again
    assert [run.attempts() for run in runs] == [[1]] * 4


def test_a_detached_sweep_is_followed_by_the_next_and_submitted_once(bench):
    (run,) = bench.detach(*bench.one)
    first = submissions.read(run)
    bench.finish(*bench.one)
    assert first.token == f"{run.run_id}/1" and run.attempts() == [1]
    assert run.attempt(1)["environment"]["SLURM_JOB_ID"] == first.job_id


def test_the_same_sweep_launched_twice_at_once_makes_each_run_once(bench, tiny):
    both = [tiny.start("sweep", bench.file, *SLURM, "--results", bench.results) for _ in range(2)]
    heard = [process.communicate(timeout=600) for process in both]
    assert [process.returncode for process in both] == [0, 0], heard
    bench.finish()
    assert [run.attempts() for run in bench.runs()] == [[1]] * 4


def test_ctrl_c_leaves_the_jobs_and_cancel_takes_them_back(bench, tiny, ask):
    process = tiny.start("sweep", bench.file, *bench.one, *SLURM, "--results", bench.results, TINY_SECONDS="0.5")
    (run,) = bench.runs(*bench.one)
    tiny.wait_until(lambda: submissions.read(run) and submissions.read(run).job_id, 600)
    os.killpg(process.pid, signal.SIGINT)
    _out, err = process.communicate(timeout=600)
    assert process.returncode == 130
    job = submissions.read(run).job_id
    assert "The jobs go on." in err and job in ask("squeue", "-h", "-o", "%i").split()
    assert "1 runs taken back" in bench.sweep(*bench.one, "--cancel")[2]
    tiny.wait_until(lambda: job not in ask("squeue", "-h", "-o", "%i").split(), 600)
    assert state_of(run).state in ("planned", "interrupted", "stale")


def test_one_run_is_taken_back_and_the_others_of_its_sweep_go_on(bench, tiny, ask):
    bench.setenv("TINY_SECONDS", "0.2")
    first, *others = bench.detach()
    step = bench.at_step(first, 3)
    words = ["--cancel", first.run_id[:9], "--results", bench.results]
    done = tiny.start("sweep", *words)
    _out, err = done.communicate(timeout=300)
    assert (done.returncode, err.count("\n")) == (0, 1) and f"Run {first.run_id} was taken back from its job" in err
    tiny.wait_until(lambda: step.job_id not in ask("squeue", "-h", "-r", "-o", "%i").split(), 300)
    tiny.wait_until(lambda: all(state_of(run).state == "done" for run in others), 600)
    assert state_of(first).state in ("interrupted", "stale") and not first.submission.exists()
    again = tiny.start("sweep", *words)
    assert f"Nobody works on run {first.run_id}" in again.communicate(timeout=300)[1] and again.returncode == 2
    bench.finish()
    assert [len(run.attempts()) for run in (first, *others)] == [2, 1, 1, 1]


@pytest.mark.parametrize("which", [0, 1])
def test_one_run_is_taken_back_from_a_job_of_several(bench, ask, which):
    """The one at work, or one that waits behind it: the job goes on with the others either way."""
    bench.setenv("TINY_SECONDS", "0.2")
    runs = bench.detach("seeds=[0,1]", "executor.cells_per_job=4")
    job = bench.at_step(runs[0], 3).job_id
    assert {submissions.read(run).job_id for run in runs} == {job}
    assert f"taken back from job {job}, which goes on with 3 other runs." in bench.cancel(runs[which])
    others = [run for run in runs if run is not runs[which]]
    bench.tiny.wait_until(lambda: all(state_of(run).state == "done" for run in others), 600)
    assert [len(run.attempts()) for run in others] == [1, 1, 1]
    assert state_of(runs[which]).state == ("interrupted" if which == 0 else "planned")
    assert all(run.attempt(1)["job"].partition("_")[0] == job.partition("_")[0] for run in others)
    bench.finish("seeds=[0,1]")


def test_a_partition_that_does_not_exist_is_told_before_anything_starts(bench):
    code, _out, err = bench.slurm("executor.partition=mian")
    assert code == 2 and "Unknown partition 'mian'. Did you mean 'main'? Available: main, preempt." in err
    assert not bench.results.exists()


def test_an_option_that_sbatch_does_not_have_is_told_before_anything_starts(bench):
    for words in (["executor.sbatch.reservatoin=paper"], ["executor.sbatch.reservatoin=paper", "--dry-run"]):
        code, _out, err = bench.slurm(*words)
        assert code == 2 and "Unknown option of sbatch 'reservatoin'" in err and "Did you mean 'reservation'?" in err
    assert not bench.results.exists()
    assert bench.slurm("executor.sbatch.mail-user=me", "executor.sbatch.hold=true", "--dry-run")[0] == 0


def test_a_run_of_several_processes_in_a_job_too_small_is_told_before_anything_starts(bench):
    code, _out, err = bench.slurm("execution.processes=2")
    assert code == 2 and "execution.processes=2 on cpu needs as many in one job; executor.cpus is 1." in err


def test_a_dry_run_prints_what_would_be_submitted_and_the_head_of_the_batch_file(bench):
    flags = ["execution.device=cuda", "executor.sbatch.requeue=false", "executor.sbatch.hold=true"]
    code, out, _err = bench.slurm(*flags, "--dry-run")
    assert code == 0 and "To submit: 4 runs in 4 jobs in 1 arrays; at most 2.0 GPU-hours before a requeue." in out
    assert "Estimated cost: unknown" in out and out.count("  planned ") == 4
    for line in ("array=0-3%4", "gpus-per-node=1", "time=30", "signal=USR2@90", "hold\n", "no-requeue\n"):
        assert f"#SBATCH --{line}" in out
    assert "--requeue" not in out and not bench.results.exists()
    _code, out, _err = bench.slurm(*flags, "executor.sbatch.gres=gpu:a100:2", "--dry-run")
    assert "at most 2.0 job-hours" in out and "#SBATCH --gres=gpu:a100:2\n" in out and "gpus-per-node" not in out


def test_a_submitter_that_died_before_sbatch_is_found_out(bench):
    (config,) = load_sweep(bench.file, bench.one).runs().values()
    run = RunDir.create(bench.results, config)
    claim = submissions.claim(run, submissions.new_batch(), -1)
    run.submission.write_text(json.dumps(asdict(replace(claim, pid=2**22 + 1, started="0"))))
    bench.finish(*bench.one)
    assert run.attempts() == [1]


def test_editing_the_code_while_a_job_waits_changes_nothing_in_it(bench, tiny, tmp_path, ask):
    import shutil

    tree = tmp_path / "tree"
    shutil.copytree(tiny.ROOT / "fpd_bench", tree / "fpd_bench", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "fpd_bench.sweep", str(bench.file), *bench.one, *SLURM, "--detach"]
    command += ["executor.sbatch.hold=true", "--results", str(bench.results)]
    path = os.pathsep.join([str(tree), str(tiny.PLUGIN)])
    subprocess.run(command, env=tiny.environment() | {"PYTHONPATH": path}, check=True, cwd=tmp_path)
    (run,) = bench.runs(*bench.one)
    stages = tree / "fpd_bench" / "runs" / "perform" / "stages.py"
    stages.write_text(stages.read_text() + "\nraise SystemExit('edited')\n")
    ask("scontrol", "release", submissions.read(run).job_id)
    bench.finish(*bench.one)
    (code,) = (bench.results / "code").glob("[0-9a-f]*")
    assert run.attempts() == [1] and run.attempt(1)["code"] == json.loads((code / "code.json").read_text())["code"]
    assert open_run(bench.results, run.run_id).is_done()
