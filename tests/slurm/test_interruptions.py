"""Jobs that SLURM or somebody ends early: the run goes on from its checkpoint and gives what it would have given."""

import os
import signal

import pytest

from fpd_bench.runs.folder import claims
from fpd_bench.runs.watch.state import state_of

pytestmark = pytest.mark.slow


def kinds(run):
    return [event["kind"] for event in run.events()]


def jobs(run):
    return [run.attempt(n)["environment"]["SLURM_JOB_ID"] for n in run.attempts()]


def nodes(run):
    return [run.attempt(n)["environment"]["SLURM_JOB_NODELIST"] for n in run.attempts()]


@pytest.fixture
def begun(bench):
    """Submit one run, slow enough to be disturbed in its middle: (run, its submission)."""

    def submit(*words):
        bench.setenv("TINY_SECONDS", "0.3")
        (run,) = bench.detach(*bench.one, *words)
        return run, bench.at_step(run)

    return submit


def test_scancel_is_told_and_the_same_command_continues(bench, begun, ask):
    run, submission = begun()
    ask("scancel", submission.job_id)
    assert "was cancelled" in bench.finish(*bench.one, code=1)  # told, and not submitted again unasked
    bench.finish(*bench.one)
    assert run.attempts() == [1, 2]


def test_a_warned_job_saves_requeues_itself_and_resumes(bench, begun, ask):
    run, submission = begun()
    ask("scancel", "--signal=USR2", submission.job_id)  # what SLURM sends before a time limit
    bench.finish(*bench.one)
    assert kinds(run).index("interrupted") < kinds(run).index("requeued") and run.attempts() == [1, 2]
    assert jobs(run) == [submission.job_id] * 2


def test_a_preempted_job_saves_goes_back_and_resumes(bench, begun, ask, alone):
    run, submission = begun("executor.partition=preempt")
    # A job of higher priority that needs every node.
    ask("sbatch", "-p", "main", "-N2", "--exclusive", "-t1", "-o", "/dev/null", "--wrap", "sleep 1")
    bench.finish(*bench.one, "executor.partition=preempt")
    assert run.attempts() == [1, 2] and "interrupted" in kinds(run)
    assert jobs(run) == [submission.job_id] * 2


def test_a_job_that_reaches_its_time_limit_resumes(bench):
    bench.setenv("TINY_SECONDS", "1")  # two calls a step: 30 steps do not fit into a minute
    words = [*bench.one, "executor.timeout_min=1", "executor.signal_s=5"]
    (run,) = bench.detach(*words)
    bench.finish(*words)
    assert len(run.attempts()) >= 2 and "requeued" in kinds(run)
    assert len(set(jobs(run))) == 1 and state_of(run).state == "done"


def test_a_killed_step_is_submitted_again_and_resumes(bench, begun):
    run, submission = begun()
    os.kill(claims.holder(run.claim).pid, signal.SIGKILL)
    bench.finish(*bench.one)
    assert run.attempts() == [1, 2] and len(set(jobs(run))) == 2 and jobs(run)[0] == submission.job_id


def test_a_job_whose_node_fails_is_requeued_by_slurm_and_resumes_elsewhere(bench, begun, node_down):
    run, submission = begun()
    node_down(nodes(run)[0])
    bench.finish(*bench.one)
    assert run.attempts() == [1, 2] and jobs(run) == [submission.job_id] * 2
    assert len(set(nodes(run))) == 2


def test_where_slurm_does_not_requeue_we_submit_again_without_the_node(bench, begun, node_down, ask):
    run, submission = begun("executor.sbatch.requeue=false")
    (first,) = nodes(run)
    node_down(first)
    state = ("squeue", "-h", "--states=all", "-j", submission.job_id, "-o", "%T")
    bench.tiny.wait_until(lambda: "NODE_FAIL" in ask(*state), 60)
    ask("scontrol", "update", f"nodename={first}", "state=RESUME")  # SLURM would take it again
    bench.finish(*bench.one)
    assert run.attempts() == [1, 2] and nodes(run)[1] != first
