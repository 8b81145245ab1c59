"""Runs in batch jobs, from submission to end. Everything is in files, so whoever follows may leave and come back."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fpd_bench.errors import ConfigError, OddFile
from fpd_bench.runs.execute.executor import Tell
from fpd_bench.runs.execute.options import ExecutorOptions
from fpd_bench.runs.folder import claims, submissions
from fpd_bench.runs.folder.failures import Patience, halved, micro_batch
from fpd_bench.runs.folder.outcome import Outcome
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.folder.stop_signals import StopFlag, stop_flag
from fpd_bench.runs.slurm import job, submit
from fpd_bench.runs.slurm.lost_jobs import decide_fate
from fpd_bench.runs.slurm.scheduler import Answer, Scheduler, cancel, foreign_jobs

POLL_SECONDS = 5.0
RETRY_SECONDS = 60.0  # until sbatch is asked again after it refused


@dataclass
class Follower:
    """Submits runs and hears of their ends, until it is asked to stop. tell: as in runs/execute/local.py."""

    results: Path
    executor: ExecutorOptions
    tell: Tell
    patience: Patience
    stop: StopFlag
    mine: frozenset[str] = frozenset()
    again: list[submit.RunToSubmit] = field(default_factory=list)  # to be submitted

    def __post_init__(self) -> None:
        self._in_jobs: list[RunDir] = []  # at the last look
        self.scheduler = Scheduler(self.executor.grace_min, self.results / submissions.LOGS)
        self._retry_at = 0.0
        self._refused_since: float | None = None

    def submit(self, runs: list[RunDir], stay: bool = True) -> int:
        """Submit the runs that no job and no process has; return how many. Raises ConfigError if sbatch takes none,
        unless that will pass and this process stays to ask again."""
        if not stay:  # nobody will look later: jobs whose submitter died are adopted, those that are gone let go
            self._look({run.run_id: run for run in runs if submissions.read(run) and not run.is_done()})
        again = {wish.run.run_id for wish in self.again}
        free = [run for run in runs if submissions.read(run) is None and claims.holder(run.claim) is None]
        self.again += [submit.RunToSubmit(run) for run in free if run.run_id not in again]
        return self._send(under_way=len(self.again) < len(runs), patience_s=0, stay=stay)

    def _send(self, under_way: bool, patience_s: float, stay: bool = True) -> int:
        """Submit what waits; return how many. What sbatch refuses goes on waiting, for example until others have ended.

        Raises ConfigError if it has refused everything for `patience_s` while nothing of the sweep was under way; a
        full queue is waited for without end by those who `stay`. A Ctrl-C ends sbatch, too, which is no refusal.
        """
        wishes, self.again = self.again, []
        try:
            sent = len(submit.submit(wishes, self.results, self.executor)) if wishes else 0
        except ConfigError as error:
            self.again = [wish for wish in wishes if submissions.read(wish.run) is None]
            sent, now = len(wishes) - len(self.again), time.monotonic()
            self._refused_since = now if sent else self._refused_since or now
            will_pass = isinstance(error, submit.Refused) and error.will_pass
            hopeless = not (sent or under_way or self.stop or (stay and will_pass))
            if hopeless and now - self._refused_since >= patience_s:
                raise
            self._retry_at = now + RETRY_SECONDS
            for wish in self.again[:1]:
                beside = f", as do {len(self.again) - 1} others" if len(self.again) > 1 else ""
                self.tell(Outcome(wish.run.run_id, "waiting", f"for sbatch{beside}: {error}"))
            return sent
        self._refused_since = None
        return sent

    def follow(self, runs: list[RunDir]) -> bool:
        """Follow the runs until all have ended, or a signal comes, which leaves the jobs running. Say whether all have
        ended.
        """
        left = {run.run_id: run for run in runs}
        while left and not self.stop:
            waiting = {wish.run.run_id for wish in self.again}
            asked = {run_id: run for run_id, run in left.items() if run_id not in waiting}
            for run_id in [run_id for run_id, ended in self._look(asked).items() if ended]:
                del left[run_id]
            if self.again and not self.stop and time.monotonic() >= self._retry_at:
                self._send(len(self.again) < len(left), patience_s=60 * self.executor.grace_min)
            _sleep(POLL_SECONDS if left else 0, lambda: bool(self.stop) or self._all_ended())
        return not left

    def _look(self, runs: dict[str, RunDir]) -> dict[str, bool]:
        known = {run_id: _read_submission(run) for run_id, run in runs.items()}
        given = {run_id: submission for run_id, submission in known.items() if submission}
        self._in_jobs = [runs[run_id] for run_id in given]
        signs = {submission.token: submissions.last_written(runs[run_id]) for run_id, submission in given.items()}
        answers = self.scheduler.ask(given.values(), signs)
        self._adopt(runs, given, answers)
        return {run_id: self._ended_or_odd(run, known[run_id], answers) for run_id, run in runs.items()}

    def _all_ended(self) -> bool:
        """Say whether no job has a run of the last look any more; this mostly reads one file."""
        return bool(self._in_jobs) and not any(run.submission.exists() for run in self._in_jobs)

    def _adopt(
        self, runs: dict[str, RunDir], given: dict[str, submissions.Submission], answers: dict[str, Answer]
    ) -> None:
        """Take over the jobs whose submitter died before it could note their numbers."""
        orphans: dict[str, list[RunDir]] = {}
        for run_id, one in given.items():
            found = answers[one.token]
            if found.job_id and not (one.job_id or found.over or one.unfinished()):
                orphans.setdefault(found.job_id, []).append(runs[run_id])
        for job_id, its in orphans.items():
            submit.adopt(its, job_id, self.results)

    def _ended_or_odd(self, run: RunDir, submission: submissions.Submission | None, answers: dict[str, Answer]) -> bool:
        """Do as `_ended`; a run whose files cannot be read counts as ended, and stops no other run."""
        try:
            return self._ended(run, submission, answers)
        except OddFile as error:
            return self._report_end(run, Outcome(run.run_id, "failed", f"corrupt: {error}"))

    def _ended(self, run: RunDir, submission: submissions.Submission | None, answers: dict[str, Answer]) -> bool:
        """Report the run's end, or prepare its next submission; say whether it has ended."""
        done = run.done()
        if done:
            return self._report_end(run, Outcome(run.run_id, done["status"]))
        if submission is None:
            if claims.holder(run.claim):  # a process outside SLURM has it
                return False
            last = _last_end(run)
            message, kind = last.get("message", "its job was cancelled"), last.get("failure_class", "")
            return self._report_end(run, Outcome(run.run_id, last.get("kind") or "interrupted", message, kind))
        answer = answers[submission.token]
        if not answer.over:
            return False
        claims.release_for_job(run.claim, answer.job_id)
        if run.is_done() or claims.holder(run.claim) or not submissions.drop(run, submission):
            return False  # ended, or taken by somebody, in this very moment
        return self._handle_lost_job(run, submission, answer)

    def _handle_lost_job(self, run: RunDir, submission: submissions.Submission, answer: Answer) -> bool:
        """Deal with a job that is over while its run has not said how it ended; say whether the run has ended."""
        interrupted = _last_end(run).get("kind") == "interrupted"
        fate = decide_fate(submission, answer, _job_began(run, submission), interrupted, job.no_progress(run))
        if fate.action == "cancelled":
            return self._report_end(run, Outcome(run.run_id, "interrupted", f"job {answer.job_id} was cancelled"))
        if fate.action == "less_memory":
            return self._retry_with_less_memory(run)
        if fate.action == "out_of_time":
            job.fail_for_time(run)
        elif fate.action == "again":
            if fate.tries == 1:
                job.note_progress(run, answer.job_id)
            self.again.append(submit.RunToSubmit(run, fate.tries, fate.exclude))
        else:
            words = submissions.job_output(run, submission.job_id, "err")[-2000:] if submission.job_id else ""
            message = f"job {answer.job_id or submission.batch} ended as {answer.state}, after {submission.tries} tries"
            _note_failure(run, fate.failure_class, message, words)
        return False  # told at the next look

    def _retry_with_less_memory(self, run: RunDir) -> bool:
        config = run.config()
        size = micro_batch(run, config.execution.micro_batch)
        tried = any(event.get("kind") == "memory" for event in run.events())
        _note_failure(run, "out_of_memory", "the scheduler ended the job: out of memory", "")
        if tried or size == 1:
            return False
        run.append_event(run.next_event("memory") | {"micro_batch": halved(size, config.optim.batch)})
        self.again.append(submit.RunToSubmit(run))
        return False

    def _report_end(self, run: RunDir, outcome: Outcome) -> bool:
        if any(wish.run.run_id == run.run_id for wish in self.again):
            return False
        if self.patience.should_stop(run, outcome):
            self._stop_waiting_jobs(run)
        self.tell(outcome)
        return True

    def _stop_waiting_jobs(self, run: RunDir) -> None:
        """Cancel the jobs of this sweep that have not begun, and submit no more: k runs failed alike."""
        self.again.clear()
        others = [RunDir(path) for path in run.path.parent.iterdir()]
        given = [(other, submission) for other in others if (submission := _read_submission(other))]
        free: list[submissions.Submission] = []
        at_work = {submission.job_id for other, submission in given if claims.holder(other.claim)}
        for other, submission in given:
            if claims.holder(other.claim) is None and other.run_id in self.mine:
                submissions.drop(other, submission)
                free += [submission] if submission.job_id not in at_work else []
        with contextlib.suppress(ConfigError):  # SLURM is silent: their jobs find that they have no run
            theirs = foreign_jobs(free)
            cancel([submission for submission in free if submission.job_id not in theirs])


def run_slurm(
    runs: list[RunDir], results: Path, executor: ExecutorOptions, tell: Tell, patience: Patience, detach: bool
) -> tuple[int, bool]:
    """Submit and follow the runs; return (how many were submitted, whether all ended). detach: submit and leave.

    A signal on the way is remembered until what sbatch has taken is on record.
    """
    with stop_flag() as stop:
        follower = Follower(results, executor, tell, patience, stop, mine=frozenset(run.run_id for run in runs))
        submitted = follower.submit(runs, stay=not detach)
        return submitted, (False if detach else follower.follow(runs))


@dataclass
class Cancelled:
    """taken: how many runs are free again. refused: jobs of ours that SLURM would not end. odd: {run id: why its
    submission was left alone}."""

    taken: int
    refused: list[str]
    odd: dict[str, str]


def cancel_runs(runs: list[RunDir]) -> Cancelled:
    """Cancel the jobs of the runs, where SLURM says that the jobs are ours. Their checkpoints stay.

    Raises ConfigError if SLURM does not answer.
    """
    known: dict[str, submissions.Submission] = {}
    odd: dict[str, str] = {}
    for run in runs:
        try:
            submission = submissions.read(run)
            known |= {run.run_id: submission} if submission else {}
        except (OddFile, OSError) as error:
            odd[run.run_id] = str(error)
    theirs = foreign_jobs(known.values())
    odd |= {
        run_id: f"job {one.job_id} is '{theirs[one.job_id]}' on this cluster, not a job of this run: it was left alone"
        for run_id, one in known.items()
        if one.job_id in theirs
    }
    mine = [run for run in runs if run.run_id in known.keys() - odd.keys()]
    # Dropped first, so that a job does not requeue itself.
    taken = [known[run.run_id] for run in mine if submissions.drop(run, known[run.run_id])]
    return Cancelled(len(taken), cancel(taken), odd)


def _read_submission(run: RunDir) -> submissions.Submission | None:
    """Read the submission of a run that may belong to another sweep; None if its file is odd."""
    try:
        return submissions.read(run)
    except (OddFile, OSError):
        return None


def _last_end(run: RunDir) -> dict[str, Any]:
    ends = ("failed", "interrupted", "diverged", "memory", "attempt_started")
    last = next((event for event in reversed(run.events()) if event.get("kind") in ends), {})
    return last if last.get("kind") in ("failed", "interrupted") else {}


def _job_began(run: RunDir, submission: submissions.Submission) -> bool:
    """Say whether the job got as far as an attempt at the run."""
    attempt = int(submission.token.rpartition("/")[2])
    return attempt in run.attempts()


def _note_failure(run: RunDir, kind: str, message: str, text: str) -> None:
    run.append_event(run.next_event("failed") | {"failure_class": kind, "message": message, "traceback": text})


def _sleep(seconds: float, over: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not over():
        time.sleep(min(0.2, seconds))
