"""What SLURM says about jobs: squeue first, sacct for what squeue has forgotten. An answer may be late, or missing.

A job that SLURM does not know, or that nobody answers about, counts as running until a grace period ends.
"""

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from fpd_bench.errors import ConfigError, UnknownName
from fpd_bench.runs.folder.claims import user_name
from fpd_bench.runs.folder.submissions import Submission

# All other states are alive, those that SLURM may invent included.
OVER = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "REVOKED", "TIMEOUT"}
UNKNOWN = "UNKNOWN"
SECONDS = 30  # for one answer
REST_SECONDS = 60  # before sacct is asked again after it gave no answer


@dataclass(frozen=True)
class Answer:
    """state: SLURM's word, UNKNOWN without one. over: the job will not run any more.

    unknown_s: for how long nobody has known the job; left_s: for how long it still counts as running.
    """

    job_id: str
    state: str
    node: str = ""
    over: bool = False
    unknown_s: float = 0.0
    left_s: float = 0.0

    def __str__(self) -> str:
        if self.state != UNKNOWN or self.over:
            return self.state.lower()
        unknown, left = self.unknown_s / 60, self.left_s / 60
        return f"unknown to SLURM for {unknown:.0f} min, counts as running for {left:.0f} min more"


class Scheduler:
    """Asks about submissions, and notes since when a job is unknown, so that whoever asks next goes on counting.

    grace_min: how long an unknown job counts as running; None = as its submission says. notes: folder of the batches.
    """

    def __init__(self, grace_min: float | None = None, notes: Path | None = None):
        self.grace_min, self.notes = grace_min, notes or Path(os.devnull)  # below which nothing can be written
        self._unknown: dict[str, float] = {}
        self._rest_until = 0.0

    def ask(self, submissions: Iterable[Submission], signs: Mapping[str, float] | None = None) -> dict[str, Answer]:
        """Ask SLURM about the submissions: {token: answer}. signs: token -> when the run last wrote anything, in
        seconds since 1970.
        """
        asked = list(submissions)
        if not asked:
            return {}
        names = sorted({submission.batch for submission in asked})
        queue = _squeue(names)
        missing = queue is None or any(_find(queue, submission) is None for submission in asked)
        history = self._history(names) if missing else {}
        lives = signs or {}
        return {one.token: self._judge(one, queue, history, lives.get(one.token, 0.0)) for one in asked}

    def _history(self, names: list[str]) -> "Jobs | None":
        """Ask sacct; where it does not answer, leave it alone for a while, since each try may last long."""
        if time.monotonic() < self._rest_until:
            return None
        found = _sacct(names)
        if found is None:
            self._rest_until = time.monotonic() + REST_SECONDS
        return found

    def _judge(self, submission: Submission, queue: "Jobs | None", history: "Jobs | None", sign: float) -> Answer:
        found = _find(queue or {}, submission) or _answer_of_sacct(_find(history or {}, submission), queue is not None)
        if found:
            self._forget(submission)
            return found
        if not submission.job_id and queue is not None and not submission.unfinished():
            return Answer("", UNKNOWN, over=True)  # its submitter died before sbatch
        gone = max(0.0, time.time() - max(self._unknown_since(submission), sign))
        left = 60 * (submission.grace_min if self.grace_min is None else self.grace_min) - gone
        return Answer(submission.job_id, UNKNOWN, over=left < 0, unknown_s=gone, left_s=max(left, 0.0))

    def _unknown_since(self, submission: Submission) -> float:
        known = self._unknown.setdefault(submission.token, time.time())
        note = self._note(submission)
        try:
            with note.open("x") as file:
                file.write(str(known))
        except FileExistsError:
            with contextlib.suppress(OSError, ValueError):  # half written by another
                known = min(known, float(note.read_text()))
        except OSError:  # nowhere to write: this process remembers
            pass
        return known

    def _forget(self, submission: Submission) -> None:
        self._unknown.pop(submission.token, None)
        with contextlib.suppress(OSError):
            self._note(submission).unlink(missing_ok=True)

    def _note(self, submission: Submission) -> Path:
        name = f"{submission.token.replace('/', '.')}.unknown"
        return self.notes / submission.batch / name


Jobs = dict[tuple[str, str], Answer]  # (name, job id) -> answer


def _answer_of_sacct(found: Answer | None, queue_answers: bool) -> Answer | None:
    """Return what sacct says of a job that squeue does not know, as far as it can be true."""
    if found is None or found.over:
        return found if queue_answers else None  # an old end of a job that runs again: squeue must not know it
    if not queue_answers:
        return found
    # squeue would know a job that lives: PREEMPTED is an end then, and RUNNING a record that nobody has closed.
    return Answer(found.job_id, found.state, found.node, over=True) if found.state == "PREEMPTED" else None


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
    """Run a command of SLURM and return what it prints; None if it is missing, too slow or fails."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def is_running(job: str) -> bool:
    """Say whether job `job` runs and is neither being cancelled nor requeued."""
    return "JobState=RUNNING" in (command("scontrol", "show", "job", "-o", job) or "").split()


def requeue(job: str) -> bool:
    """Put the job back in the queue, under the same number."""
    return command("scontrol", "requeue", job) is not None


def warn(job: str) -> bool:
    """Send the job the signal that comes before a time limit: it saves the run that it is at."""
    return command("scancel", "--signal=USR2", job) is not None


def foreign_jobs(submissions: Iterable[Submission]) -> dict[str, str]:
    """Return {job: what it is instead} for the jobs that are not ours: another user's, or not named like the batch.

    A record may have come from another cluster, where its number was another job's. Raises ConfigError without an
    answer of SLURM.
    """
    named = {one.job_id: one.batch for one in submissions if one.job_id}
    text = command("squeue", "-h", "-r", "-o", "%i|%u|%j") if named else ""
    if text is None:
        raise ConfigError("squeue does not answer, so it is not known whose jobs these are. Nothing was cancelled.")
    lines = (line.split("|", 2) for line in text.splitlines() if line.count("|") >= 2)
    queue = {job: (whose, name) for job, whose, name in lines}
    alive = {job: queue[job] for job in sorted(named) if job in queue}  # what is not there has ended
    return {job: f"{name} of {who}" for job, (who, name) in alive.items() if (who, name) != (user_name(), named[job])}


def cancel(submissions: Iterable[Submission]) -> list[str]:
    """Cancel the jobs of these submissions, none of them `foreign_jobs`; return those whose end SLURM did not
    confirm."""
    asked, refused = list(submissions), list[str]()
    jobs = sorted({submission.job_id for submission in asked if submission.job_id})
    names = sorted({submission.batch for submission in asked if not submission.job_id})
    for begin in range(0, len(jobs), 100):
        some = jobs[begin : begin + 100]
        refused += [] if command("scancel", *some) is not None else some
    for name in names:
        command("scancel", f"--name={name}", f"--user={user_name()}")
    queue = command("squeue", "-h", "-o", "%i") if refused else ""
    return [job for job in refused if queue is None or _queued(job, queue.split())]  # others have ended by themselves


def _queued(job: str, queue: list[str]) -> bool:
    return job in queue or any(entry.startswith(f"{job.partition('_')[0]}_[") for entry in queue)


def array_limit() -> int | None:
    """Return how many jobs the site allows in one array; None if it does not say. 1: it takes no arrays."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", command("scontrol", "show", "config") or "", re.M)
    return max(1, int(found[1])) if found else None


def check_cluster(partition: str, options: Iterable[str]) -> None:
    """Check that SLURM is here and knows the partition and the options. Raises ConfigError without SLURM, UnknownName
    for a partition or an option of sbatch that it does not have.

    options: as submitit writes them, with underscores.
    """
    found = command("sinfo", "-h", "-o", "%R")
    if found is None:
        raise ConfigError("executor=slurm needs SLURM, but its command sinfo does not answer here. Use executor=local.")
    if partition:
        for name in partition.split(","):
            if name not in found.split():
                raise UnknownName("partition", name, set(found.split()))
    asked = [option.replace("_", "-") for option in options]
    known = set(re.findall(r"--([a-z][a-z0-9-]+)", command("sbatch", "--help") or "")) if asked else set()
    for option in asked if known else ():
        if option not in known:
            raise UnknownName("option of sbatch", option, known, f"executor.sbatch.{option}")
