"""Take one run back from its batch job, and no other run of that job. Needs no torch."""

from pathlib import Path

from fpd_bench.errors import ConfigError, OddFile
from fpd_bench.records import layout
from fpd_bench.runs.folder import claims, submissions
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.slurm import scheduler
from fpd_bench.runs.slurm.follow import cancel_runs


def take_back(run: RunDir, results: Path) -> str:
    """Take the run back, say what becomes of its job. One that has other runs passes this one over, or saves it now and
    comes back for the others. Raises ConfigError where SLURM does not answer or refuses, or has another job there.
    """
    submission = submissions.read(run)
    others = _others_of_job(run, submission, results) if submission else []
    if submission is None or not others:
        return _end_job(run)
    theirs = scheduler.foreign_jobs([submission])
    if theirs:
        return _end_job(run)  # which refuses it, in the same words
    at_work = claims.holder(run.claim) is not None
    submissions.drop(run, submission)  # first, so that the job does not come back for this run
    if at_work and not scheduler.warn(submission.job_id):
        raise ConfigError(
            f"Run {run.run_id} is free again, but SLURM did not stop it. Once SLURM answers: scancel --signal=USR2 "
            f"{submission.job_id}"
        )
    return f"Run {run.run_id} was taken back from job {submission.job_id}, which goes on with {len(others)} other runs."


def _others_of_job(run: RunDir, submission: submissions.Submission, results: Path) -> list[RunDir]:
    """List the other runs that the run's job has still to do, or is at."""
    found = []
    for path in (results / layout.RUNS).glob(f"*/{layout.SUBMISSION}"):
        other = RunDir(path.parent)
        try:
            given = submissions.read(other)
        except (OddFile, OSError):
            continue
        if given and submission.job_id and given.job_id == submission.job_id and other.run_id != run.run_id:
            found.append(other)
    return found


def _end_job(run: RunDir) -> str:
    back = cancel_runs([run])
    trouble = [*back.odd.values(), *(f"scancel failed; once SLURM answers: scancel {job}" for job in back.refused)]
    if trouble:
        raise ConfigError(f"Run {run.run_id}: {trouble[0]}")
    return f"Run {run.run_id} was taken back from its job. Its checkpoints stay; the sweep's command continues it."
