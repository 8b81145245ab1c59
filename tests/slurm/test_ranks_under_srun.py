"""Two tasks of a real srun train one run: who is who comes from SLURM's variables."""

import subprocess
import sys

import pytest

from fpd_bench.config.compose import compose
from fpd_bench.runs.folder.rundir import RunDir

pytestmark = pytest.mark.slow


def srun(tiny, folder, *flags):
    """The run, and the finished command."""
    run = RunDir.create(folder, compose(tiny.BASE))
    command = ["srun", "--nodes=1", *flags, sys.executable, "-m", "fpd_bench.worker", str(run.path)]
    place = {"MASTER_ADDR": "127.0.0.1"}  # n1, the name of the lab's node, is known to SLURM only
    return run, subprocess.run(command, env=tiny.environment(**place), capture_output=True, text=True, timeout=540)


def test_two_tasks_of_srun_share_a_run(tiny, tmp_path):
    run, done = srun(tiny, tmp_path, "--ntasks-per-node=2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{run.run_id} done (a rank of it)" in done.stdout and run.attempts() == [1]
    assert "SLURM_JOB_ID" in run.attempt(1)["environment"] and run.student.exists()


def test_a_number_of_tasks_that_fabric_does_not_know_is_told_in_one_line(tiny, tmp_path):
    run, done = srun(tiny, tmp_path, "--ntasks=2")
    assert done.returncode != 0 and run.attempts() == []
    assert "among these tasks of srun" in done.stderr and "ntasks-per-node" in done.stderr
    assert "Traceback" not in done.stderr
