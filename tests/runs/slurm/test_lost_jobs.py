"""What becomes of a run whose job is over: the retry policy, class by class."""

import pytest

from fpd_bench.runs.folder.submissions import Submission
from fpd_bench.runs.slurm.lost_jobs import JobFate, decide_fate
from fpd_bench.runs.slurm.scheduler import Answer


def after(state, tries=1, exclude="", node="n1", began=True, interrupted=False, stuck=False):
    submission = Submission("fpd-a", "0123456789ab/1", -1, "host", 1, "0", "user", "now", tries, exclude, job_id="17")
    return decide_fate(submission, Answer("17", state, node, over=True), began, interrupted, stuck)


def test_a_failed_node_is_avoided_at_once_and_three_times():
    excludes = ["", "n1", "n1,n2", "n1,n2,n3"]
    for tries in (1, 2, 3):
        found = after("NODE_FAIL", tries, excludes[tries - 1], node=f"n{tries}")
        assert found == JobFate("again", tries + 1, excludes[tries])
    assert after("NODE_FAIL", 4, excludes[3]) == JobFate("failed", failure_class="node")


def test_a_failed_node_is_avoided_even_by_a_run_that_still_could_save():
    assert after("NODE_FAIL", interrupted=True) == JobFate("again", 2, "n1")
    assert after("COMPLETED", interrupted=True) == JobFate("again", 1, "")


def test_a_job_that_never_began_may_be_the_environments_fault_the_first_time():
    assert after("FAILED", began=False) == JobFate("again", 2, "")
    assert after("FAILED", 2, began=False) == JobFate("again", 3, "n1")
    assert after("UNKNOWN", 4, began=False) == JobFate("failed", failure_class="node")


def test_a_killed_process_is_tried_once_more():
    assert after("FAILED") == JobFate("again", 2)
    assert after("FAILED", 2) == JobFate("failed", failure_class="worker_died")


@pytest.mark.parametrize("state", ["TIMEOUT", "PREEMPTED", "DEADLINE"])
def test_time_and_preemption_have_no_limit_while_the_run_gets_on(state):
    assert after(state, 2, "n3") == JobFate("again", 1, "n3")
    assert after(state, stuck=True) == JobFate("out_of_time")


def test_a_job_that_saved_but_could_not_requeue_itself_goes_on():
    assert after("COMPLETED", interrupted=True) == JobFate("again", 1)


def test_cancelled_is_told_and_memory_is_halved():
    assert after("CANCELLED").action == "cancelled" and after("OUT_OF_MEMORY").action == "less_memory"
