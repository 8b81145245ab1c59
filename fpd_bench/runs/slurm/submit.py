"""Submission to SLURM; the only user of submitit.

A job is a `Worker` with the paths of its run directories, nothing more: all else is in their files. Runs are claimed
before sbatch and the job's number is noted after it; if the submitter dies in between, its job is found by its name.
"""

import contextlib
import io
import shlex
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fpd_bench.errors import ConfigError
from fpd_bench.runs.execute.options import ExecutorOptions, gpus_of_run
from fpd_bench.runs.folder import submissions
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.folder.submissions import LOGS
from fpd_bench.runs.folder.whole_files import write_with
from fpd_bench.runs.slurm import code_snapshot, scheduler
from fpd_bench.runs.slurm.job import Worker

LONGEST_COMMENT = 1000
# What sbatch says after two minutes of trying by itself.
FULL_QUEUE = ("job queue full", "temporarily unable to accept job", "Resource temporarily unavailable")


class Refused(ConfigError):
    """sbatch took none of the jobs of an array. will_pass: the controller's queue is full, which every end of a job may
    change."""

    def __init__(self, message: str, will_pass: bool):
        self.will_pass = will_pass
        super().__init__(message)


@dataclass(frozen=True)
class RunToSubmit:
    """A run to submit. tries and exclude: see Submission."""

    run: RunDir
    tries: int = 1
    exclude: str = ""


def submit(wishes: list[RunToSubmit], results: Path, executor: ExecutorOptions) -> list[RunDir]:
    """Submit the runs that nobody has yet, in arrays of equal resources; return those submitted. Raises Refused."""
    done = []
    code = code_snapshot.take_snapshot(results, [wish.run.config() for wish in wishes])
    size = array_size(executor) * executor.cells_per_job
    groups: dict[tuple[str, int], list[RunToSubmit]] = {}
    for wish in wishes:
        groups.setdefault((wish.exclude, _gpus(wish.run, executor)), []).append(wish)
    for (exclude, gpus), mine in sorted(groups.items(), key=lambda item: item[0]):
        for begin in range(0, len(mine), size):
            part = mine[begin : begin + size]
            one = replace(_share_of_limit(executor, len(part), len(wishes)), gpus=gpus)
            try:
                done += _array(part, exclude, results, one, code)
            except Refused:
                if not exclude:
                    raise
                done += _array(part, "", results, one, code)  # no other node may be fit for it
    return done


def _gpus(run: RunDir, executor: ExecutorOptions) -> int:
    return gpus_of_run(run.config().execution) if executor.as_needed else executor.gpus or 0


def array_size(executor: ExecutorOptions) -> int:
    """Return the number of jobs of one array: as asked for, or as many as the site allows."""
    return min(executor.array_size, scheduler.array_limit() or executor.array_size)


def _share_of_limit(executor: ExecutorOptions, runs_here: int, runs_of_all: int) -> ExecutorOptions:
    """Share max_parallel out for an array of `part` of `whole` runs: together the arrays keep to it, and end
    together.
    """
    return replace(executor, max_parallel=max(1, executor.max_parallel * runs_here // runs_of_all))


def _array(
    wishes: list[RunToSubmit], exclude: str, results: Path, executor: ExecutorOptions, code: Path
) -> list[RunDir]:
    batch, per_job = submissions.new_batch(), executor.cells_per_job
    single = len(wishes) <= per_job
    taken: list[tuple[RunDir, submissions.Submission]] = []
    for n, wish in enumerate(wishes):
        index = -1 if single else n // per_job
        claim = submissions.claim(
            wish.run, batch, index, wish.tries, exclude, executor.grace_min, executor.max_identical_failures
        )
        if claim:
            taken.append((wish.run, claim))
    # Runs that another submitter has leave gaps; a job of the array whose runs are all gone ends at once.
    groups: list[list[str]] = [[] for _ in range(1 if single else -(-len(wishes) // per_job))]
    for run, claim in taken:
        groups[max(claim.index, 0)].append(str(run.path.resolve()))
    if not taken:
        return []
    try:
        jobs = _send(groups, batch, [claim.token for _, claim in taken], exclude, results, executor, code)
    except Exception as error:
        for run, claim in taken:
            submissions.drop(run, claim)
        shutil.rmtree(results / LOGS / batch, ignore_errors=True)  # what nobody took
        words = " ".join(str(error).split())[-600:]
        will_pass = any(said in words for said in FULL_QUEUE)  # all that sbatch tells is a sentence
        raise Refused(f"sbatch refused {len(groups)} jobs: {words}", will_pass) from error
    for run, claim in taken:
        submissions.record(run, claim, jobs[max(claim.index, 0)])
    return [run for run, _ in taken]


def _send(
    groups: list[list[str]],
    batch: str,
    tokens: list[str],
    exclude: str,
    results: Path,
    executor: ExecutorOptions,
    code: Path,
) -> list[str]:
    submitter = _submitter(results, batch, " ".join(tokens), exclude, executor, code)
    # submitit prints what sbatch says; it is in the error, too.
    with contextlib.redirect_stderr(io.StringIO()), submitter.batch():
        jobs = [submitter.submit(Worker(*paths)) for paths in groups]
    return [job.job_id for job in jobs]


def adopt(runs: list[RunDir], job_id: str, results: Path) -> None:
    """Take over a job whose submitter died after sbatch: write the file with its work, for which it waits a minute.

    runs: those that the job is to carry, all of one batch and index.
    """
    import submitit

    given = [(run, submissions.read(run)) for run in runs]
    for run, submission in given:
        if submission:
            work = submitit.core.utils.JobPaths(results.resolve() / LOGS / submission.batch, job_id).submitted_pickle
            if not work.exists():
                everything = submitit.helpers.DelayedSubmission(Worker(*(str(one.path.resolve()) for one in runs)))
                write_with(work, everything.dump)
            submissions.record(run, submission, job_id)


def _submitter(results: Path, batch: str, comment: str, exclude: str, executor: ExecutorOptions, code: Path) -> Any:
    import submitit

    try:
        # A relaunch after a timeout is ours to count, so submitit's own count is out of reach.
        submitter = submitit.AutoExecutor(
            folder=results.resolve() / LOGS / batch,
            cluster="slurm",
            slurm_max_num_timeout=10**6,
            slurm_python=executor.python or None,
        )
    except RuntimeError as error:
        raise ConfigError(f"executor=slurm cannot be used here: {error}. Use executor=local.") from None
    path = f"export PYTHONPATH={shlex.quote(str(code))}${{PYTHONPATH:+:$PYTHONPATH}} PYTHONSAFEPATH=1"
    options: dict[str, Any] = {
        "name": batch,
        "timeout_min": executor.timeout_min,
        "cpus_per_task": executor.cpus,
        "gpus_per_node": executor.gpus or None,
        "mem_gb": executor.mem_gb or None,
        "slurm_partition": executor.partition or None,
        "slurm_account": executor.account or None,
        "slurm_qos": executor.qos or None,
        "slurm_constraint": executor.constraint or None,
        "slurm_comment": comment[:LONGEST_COMMENT],
        "slurm_signal_delay_s": executor.signal_s,
        "slurm_array_parallelism": executor.max_parallel,
        "slurm_setup": [path, *([executor.setup] if executor.setup else [])],
        "slurm_teardown": [executor.teardown] if executor.teardown else None,
        "slurm_srun_args": shlex.split(executor.srun_args) or None,
        "slurm_additional_parameters": _sbatch(executor, exclude),
    }
    submitter.update_parameters(**{name: value for name, value in options.items() if value is not None})
    return submitter


def _sbatch(executor: ExecutorOptions, exclude: str) -> dict[str, Any]:
    """Return the further options of sbatch. true gives a bare flag, false none; requeue=false is its own flag."""
    excluded = ",".join(filter(None, (executor.sbatch.get("exclude"), exclude)))  # the user's nodes and ours
    asked: dict[str, Any] = {"requeue": "true", **executor.sbatch, **({"exclude": excluded} if excluded else {})}
    if asked["requeue"] == "false":
        asked["no_requeue"] = "true"
    return {name: True if text == "true" else text for name, text in asked.items() if text != "false"}


def batch_file_head(results: Path, executor: ExecutorOptions, jobs: int) -> str:
    """Return the batch file that would be sent, up to its command."""
    one = _share_of_limit(executor, min(jobs, array_size(executor)), jobs)
    submitter = _submitter(results, "fpd-BATCH", "RUN_ID/ATTEMPT ...", "", one, results / code_snapshot.FOLDER / "HASH")
    inner = submitter._executor
    if jobs > 1:
        inner.parameters["map_count"] = min(jobs, array_size(executor))
    text = inner._make_submission_file_text(f"{executor.python or shlex.quote(sys.executable)} ...", "dry-run")
    return str(text).partition("# command")[0].rstrip()
