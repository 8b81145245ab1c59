"""A run on two real processes: the result of one, only rank 0 writes, and a killed rank ends it cleanly."""

import os
import signal
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from fpd_bench.config.compose import compose
from fpd_bench.runs.folder.rundir import RunDir

pytestmark = pytest.mark.slow
TWO = "execution.processes=2"


def start(tiny, tmp_path, folder, *overrides, **variables):
    run = RunDir.create(tmp_path / folder, compose([*tiny.BASE, *overrides]))
    return run, tiny.start("worker", run.path, **variables)


def end(process):
    out, err = process.communicate(timeout=540)
    return process.returncode, out + err


def follower_of(process):
    """The pid of the process that was started to train along."""
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    return next(iter(open(children).read().split()), None) if os.path.exists(children) else None


def same_weights(first, second):
    """Up to rounding, which Adam may blow up where gradients are tiny."""
    one, two = load_file(first.student), load_file(second.student)
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-2, atol=1e-3)


def test_two_processes_train_what_one_does(tiny, tmp_path):
    alone, first = start(tiny, tmp_path, "one")
    shared, second = start(tiny, tmp_path, "two", TWO)
    assert (end(first)[0], end(second)[0]) == (0, 0)
    assert alone.run_id == shared.run_id  # an execution field
    same_weights(alone, shared)
    assert [row["step"] for row in shared.training_log()] == [row["step"] for row in alone.training_log()]


def test_torchrun_trains_what_one_process_does(tiny, tmp_path):
    alone, process = start(tiny, tmp_path, "one")
    shared = RunDir.create(tmp_path / "torchrun", compose(tiny.BASE))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "fpd_bench.worker", str(shared.path)]
    done = subprocess.run(command, env=tiny.environment(), capture_output=True, text=True, timeout=540)
    assert done.returncode == 0 and end(process)[0] == 0, done.stdout + done.stderr
    assert f"{shared.run_id} done (a rank of it)" in done.stdout and shared.attempts() == [1]
    same_weights(alone, shared)


@pytest.mark.skipif(sys.platform != "linux", reason="finds the follower in /proc")
def test_a_killed_rank_fails_the_run_and_the_same_command_goes_on(tiny, tmp_path):
    run, process = start(tiny, tmp_path, "killed", TWO, "optim.steps=2000", TINY_SECONDS=0)
    tiny.wait_until(lambda: any(row["step"] >= 10 for row in run.training_log()), 540)
    os.kill(int(follower_of(process)), signal.SIGKILL)
    code, told = end(process)
    assert code == 1 and "rank 1 of 2 ended with signal 9" in told
    assert run.events()[-1]["kind"] == "failed" and not run.claim.exists()
