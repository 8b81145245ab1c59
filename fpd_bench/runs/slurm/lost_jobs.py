"""What to do about a job that is over while its run has not said how it ended: a pure function of both."""

from dataclasses import dataclass

from fpd_bench.runs.folder.submissions import Submission
from fpd_bench.runs.slurm.scheduler import Answer

NODE_TRIES = 4  # a submission and three more
DEATH_TRIES = 2
NODE_FAILED = ("NODE_FAIL", "BOOT_FAIL")
LOST_NODE = (*NODE_FAILED, "UNKNOWN", "REVOKED")
OUT_OF_TIME = ("TIMEOUT", "DEADLINE", "PREEMPTED")


@dataclass(frozen=True)
class JobFate:
    """action: cancelled | less_memory | again | out_of_time | failed.

    tries and exclude: of the next submission (again); failure_class: of the failure (failed).
    """

    action: str
    tries: int = 1
    exclude: str = ""
    failure_class: str = ""


def decide_fate(submission: Submission, answer: Answer, began: bool, interrupted: bool, stuck: bool) -> JobFate:
    """Decide what to do about the lost job. began: the job got to its run. interrupted: the run saved and stopped.
    stuck: it stands where it did before.
    """
    if answer.state == "CANCELLED":
        return JobFate("cancelled")
    if answer.state == "OUT_OF_MEMORY":
        return JobFate("less_memory")
    if answer.state in OUT_OF_TIME or (interrupted and answer.state not in NODE_FAILED):
        return JobFate("out_of_time") if stuck else JobFate("again", 1, submission.exclude)
    lost_node = answer.state in LOST_NODE or not began
    if submission.tries < (NODE_TRIES if lost_node else DEATH_TRIES):
        # A job that never got to its run may be the environment's fault, so its node is spared once.
        guilty = answer.state in NODE_FAILED or (lost_node and submission.tries > 1)
        nodes = {*submission.exclude.split(","), answer.node if guilty else ""} - {""}
        return JobFate("again", submission.tries + 1, ",".join(sorted(nodes)))
    return JobFate("failed", failure_class="node" if lost_node else "worker_died")
