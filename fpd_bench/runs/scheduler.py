"""What SLURM says about jobs: squeue first, sacct for what squeue has forgotten. An answer may be late, or missing.

A job that SLURM does not know, or that nobody answers about, counts as alive until a grace period ends.
"""

import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fpd_bench.errors import ConfigError, UnknownName
from fpd_bench.runs.submissions import Submission

# All other states are alive, those that SLURM may invent included.
OVER = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "REVOKED", "TIMEOUT"}
UNKNOWN = "UNKNOWN"
SECONDS = 30  # for one answer


@dataclass(frozen=True)
class Answer:
    """state: SLURM's word, UNKNOWN without one. over: the job will not run any more."""

    job_id: str
    state: str
    node: str = ""
    over: bool = False


class Scheduler:
    """Asks about submissions and remembers since when a job is unknown."""

    def __init__(self, grace_min: float):
        self.grace_s = grace_min * 60
        self._unknown: dict[str, float] = {}

    def ask(self, submissions: Iterable[Submission]) -> dict[str, Answer]:
        """{token: answer}."""
        asked = list(submissions)
        if not asked:
            return {}
        names = sorted({submission.batch for submission in asked})
        queue = _squeue(names)
        missing = queue is None or any(_find(queue, submission) is None for submission in asked)
        history = _sacct(names) if missing else {}
        return {submission.token: self._judge(submission, queue, history) for submission in asked}

    def _judge(self, submission: Submission, queue: "Jobs | None", history: "Jobs | None") -> Answer:
        found = _find(queue or {}, submission)
        if found is None:
            found = _find(history or {}, submission)
            if found and found.state == "PREEMPTED" and queue is not None:
                found = Answer(found.job_id, found.state, found.node, over=True)  # squeue would know a requeued one
        if found:
            self._unknown.pop(submission.token, None)
            return found
        if not submission.job_id and queue is not None and not submission.unfinished():
            return Answer("", UNKNOWN, over=True)  # its submitter died before sbatch
        since = self._unknown.setdefault(submission.token, time.monotonic())
        return Answer(submission.job_id, UNKNOWN, over=time.monotonic() - since > self.grace_s)


Jobs = dict[tuple[str, str], Answer]  # (name, job id) -> answer


def _find(jobs: Jobs, submission: Submission) -> Answer | None:
    if submission.job_id:
        return jobs.get((submission.batch, submission.job_id))
    arrays = {job_id.partition("_")[0] for name, job_id in jobs if name == submission.batch}
    return next((jobs[submission.batch, submission.job_of(array)] for array in sorted(arrays)
                 if (submission.batch, submission.job_of(array)) in jobs), None)  # fmt: skip


def _squeue(names: list[str]) -> Jobs | None:
    text = command("squeue", "-h", "-r", "--states=all", f"--name={','.join(names)}", "-o", "%j|%i|%T|%N")
    return None if text is None else _parse(text)


def _sacct(names: list[str]) -> Jobs | None:
    # Without a start sacct looks at today only, and jobs vanish at midnight.
    since = (datetime.now() - timedelta(days=60)).strftime("%Y-%m-%d")
    text = command("sacct", "-n", "-X", "-P", "-S", since, f"--name={','.join(names)}", "-o",
                   "JobName,JobID,State,NodeList")  # fmt: skip
    return None if text is None else _parse(text)


def _parse(text: str) -> Jobs:
    jobs = {}
    for line in text.splitlines():
        name, job_id, state, node = [*line.split("|"), "", "", ""][:4]
        word = (state.split() or [UNKNOWN])[0].rstrip("+")  # 'CANCELLED by 1000'
        jobs[name, job_id] = Answer(job_id, word, "" if node.startswith(("None", "(")) else node, word in OVER)
    return jobs


def command(*words: str) -> str | None:
    """What a command of SLURM prints; None if it is missing, slow or unhappy."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def running(job: str) -> bool:
    """Whether job `job` runs and is neither being cancelled nor requeued."""
    return "JobState=RUNNING" in (command("scontrol", "show", "job", "-o", job) or "").split()


def requeue(job: str) -> bool:
    """Put the job back in the queue, under the same number."""
    return command("scontrol", "requeue", job) is not None


def cancel(submissions: Iterable[Submission]) -> None:
    """Cancel the jobs of these submissions."""
    asked = list(submissions)
    jobs = sorted({submission.job_id for submission in asked if submission.job_id})
    names = sorted({submission.batch for submission in asked if not submission.job_id})
    for begin in range(0, len(jobs), 100):
        command("scancel", *jobs[begin : begin + 100])
    for name in names:
        command("scancel", f"--name={name}")


def check(partition: str) -> None:
    """Raises ConfigError if there is no SLURM here, UnknownName if it has no such partition."""
    found = command("sinfo", "-h", "-o", "%R")
    if found is None:
        raise ConfigError("executor=slurm needs SLURM's commands, and sinfo does not answer. Use executor=local here.")
    if partition:
        for name in partition.split(","):
            if name not in found.split():
                raise UnknownName("partition", name, set(found.split()))
