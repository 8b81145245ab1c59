"""Inside a batch job: carry its runs out one after the other; asked to stop, save and go back into the queue."""

import contextlib
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from fpd_bench.errors import OddFile
from fpd_bench.runs.folder import claims, submissions
from fpd_bench.runs.folder.failures import failure_class, mistake_signature
from fpd_bench.runs.folder.outcome import Outcome
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.folder.stop_signals import stop_flag
from fpd_bench.runs.slurm import scheduler

KILL_SECONDS = 60  # SLURM's KillWait is 30 by default


class Worker:
    """What a batch job does. Here, where little else is loaded: each job loads it anew."""

    def __init__(self, *run_dirs: str):
        self.run_dirs = run_dirs

    def __call__(self) -> list[str]:
        return carry_out_runs(self.run_dirs)

    def checkpoint(self, *_: object) -> Any:
        """Return this job for submitit, should it requeue the job itself: there is nothing to add to the run
        directories.
        """
        import submitit

        return submitit.helpers.DelayedSubmission(self)


def carry_out_runs(run_dirs: tuple[str, ...]) -> list[str]:
    """Perform the runs; return how each ended."""
    ends: list[str] = []
    bench = None
    with stop_flag() as stop:  # takes the place of submitit's handler, which would requeue by its own rules
        runs = [RunDir(path) for path in run_dirs]
        for n, run in enumerate(runs):
            try:
                submission = submissions.read(run)
                if submission is None and not run.is_done():  # cancelled while it waited
                    continue
            except OddFile as error:
                ends.append(f"{run.run_id} corrupt {error}")
                print(ends[-1], flush=True)
                continue
            if submission and submissions.failed_too_often(run, submission):
                ends.append(_not_started(run, submission))
                continue
            _wait_for_predecessor(run, lambda: bool(stop))
            from fpd_bench.runs.perform.stages import Bench, perform  # torch: seconds in which a warning may come

            bench = bench or Bench()
            outcome = Outcome(run.run_id, "interrupted") if stop else _perform_alone(run, perform, bench)
            ends.append(f"{outcome.run_id} {outcome.words}")
            print(ends[-1], flush=True)
            if outcome.status == "interrupted":
                _go_back(run, runs[n + 1 :])
                break
            if submission:
                mark = mistake_signature(run, outcome)
                if mark:
                    submissions.note_mistake(run, submission, mark)
                submissions.drop(run, submission)
    return ends


def _not_started(run: RunDir, submission: submissions.Submission) -> str:
    message = (
        f"not started: {submission.most_alike} runs of its batch failed in the same way "
        "(executor.max_identical_failures=0 goes on)"
    )
    run.append_event(run.next_event("interrupted") | {"step": reached(run)[0], "message": message})
    submissions.drop(run, submission)
    print(f"{run.run_id} {message}", flush=True)
    return f"{run.run_id} {message}"


def _wait_for_predecessor(run: RunDir, stop: Callable[[], bool]) -> None:
    """Wait until the job's process before the requeue is gone: it may still be being killed when the job comes back."""
    end = time.monotonic() + KILL_SECONDS
    while time.monotonic() < end and not stop():
        holder = claims.holder(run.claim)
        if holder is None or not holder.job or holder.job != claims.batch_job():
            return
        time.sleep(0.2)


def _perform_alone(run: RunDir, perform: Callable[..., Outcome], bench: Any) -> Outcome:
    """Call `perform`, so that a run directory that cannot even be read fails alone, without the job's other runs."""
    try:
        return perform(run, bench)
    except Exception as error:
        row = {"failure_class": failure_class(error), "message": f"{type(error).__name__}: {error}"}
        with contextlib.suppress(OSError, OddFile):
            run.append_event(run.next_event("failed") | row | {"traceback": traceback.format_exc()})
        return Outcome(run.run_id, "failed", row["message"], row["failure_class"])


def _go_back(run: RunDir, others: list[RunDir]) -> None:
    """Requeue this job, unless it is being cancelled, or the run stands where it stood at the last requeue.

    others: the job's runs that have not begun; they are reason enough to come back, also where this one has been taken
    back alone.
    """
    job, submission = claims.batch_job(), submissions.read(run)
    waiting = any(submissions.read(other) for other in others)
    if not (submission or waiting) or not scheduler.is_running(job):
        return
    stuck = submission is not None and no_progress(run)
    if submission and stuck:
        fail_for_time(run)
        submissions.drop(run, submission)
        if not waiting:
            return
    elif submission:
        note_progress(run, job)
    if not scheduler.requeue(job):
        if not stuck:
            run.append_event(run.next_event("requeued") | {"job": job, "standing": None})  # nothing to count
        print(f"job {job} could not be requeued; the sweep's command submits it again", file=sys.stderr)


def reached(run: RunDir) -> list[Any]:
    """Return how far the run's files are: this grows with every step that is kept."""
    steps = [event.get("step") or 0 for event in run.events() if event.get("kind") == "checkpoint"]
    scored = sum(len(run.partial_scores(path.stem)) for path in run.evaluation("x").parent.glob("*.partial"))
    return [max(steps, default=0), run.student.exists(), any(run.samples("x").parent.glob("*.npz")), scored]


def note_progress(run: RunDir, job: str) -> None:
    """Write where the run stands as its job goes back into the queue."""
    run.append_event(run.next_event("requeued") | {"job": job, "standing": reached(run)})


def no_progress(run: RunDir) -> bool:
    """Say whether the run stands where it stood when its job went back last time.

    A job that was stopped before it got to its run has one more try: loading torch may take long on a busy node.
    """
    events = run.events()
    marks = [n for n, event in enumerate(events) if event.get("kind") == "requeued"]
    began = any(event.get("kind") == "attempt_started" for event in events[marks[-1] :]) if marks else True
    last = marks[-1:] if began else marks[-2:]
    here = reached(run)
    return len(last) == (1 if began else 2) and all(events[n].get("standing") == here for n in last)


def fail_for_time(run: RunDir) -> None:
    """Mark the run as failed for lack of time: two attempts ended at the same place, so another one would, too."""
    message = f"two jobs in a row ended at step {reached(run)[0]} without progress; raise executor.timeout_min"
    run.append_event(run.next_event("failed") | {"failure_class": "timeout", "message": message, "traceback": ""})
