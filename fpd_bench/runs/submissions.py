"""Which batch job a run is given to: `submission.json`, created exclusively before sbatch, dropped at the run's end.

Between the claim and the record of the job's number the submitter may die. Then the job, if there is one, is found by
its name, which is that of the batch.
"""

import contextlib
import fcntl
import json
import os
import socket
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from fpd_bench.runs.claims import process_start, user
from fpd_bench.runs.rundir import RunDir, now, write_text
from fpd_bench.store import layout

LOGS = "slurm"  # results/slurm/<batch>/: what its jobs print


@dataclass(frozen=True)
class Submission:
    """batch: the job's name. index: of the job in the batch's array; -1 = the batch is a single job."""

    batch: str
    token: str  # run_id/attempt, also in the job's comment
    index: int
    host: str
    pid: int
    started: str
    user: str
    time: str
    tries: int = 1  # submissions in a row that ended without the run's own doing
    exclude: str = ""  # nodes to keep away from
    grace_min: int = 10  # how long the job counts as alive while nobody knows it
    job_id: str = ""

    def __str__(self) -> str:
        return f"job {self.job_id or self.batch} of {self.user} since {self.time}"

    def unfinished(self) -> bool:
        """Whether its submitter may still be about to record the job's number."""
        elsewhere = self.host != socket.gethostname()
        return not self.job_id and (elsewhere or process_start(self.pid) == self.started)

    def job_of(self, array: str) -> str:
        """Its job's number, given that of the whole batch."""
        return array if self.index < 0 else f"{array}_{self.index}"


def new_batch() -> str:
    """A name that no other batch has."""
    return f"fpd-{uuid.uuid4().hex[:10]}"


def read(run: RunDir) -> Submission | None:
    """The run's submission; None if it is given to no batch job."""
    found = layout.read_json(run.submission)
    try:
        return Submission(**found) if found else None
    except TypeError:
        return None


def claim(
    run: RunDir, batch: str, index: int, tries: int = 1, exclude: str = "", grace_min: int = 10
) -> Submission | None:
    """Take the run for a job of `batch`; None if it is already somebody's."""
    token = f"{run.run_id}/{max(run.attempts(), default=0) + 1}"
    start = process_start(os.getpid()) or ""
    host, pid = socket.gethostname(), os.getpid()
    mine = Submission(batch, token, index, host, pid, start, user(), now(), tries, exclude, grace_min)
    temporary = run.submission.with_name(f".{run.submission.name}.{uuid.uuid4().hex}")
    temporary.write_text(json.dumps(asdict(mine)))
    try:
        os.link(temporary, run.submission)
    except FileExistsError:
        return None
    finally:
        temporary.unlink()
    return mine


def record(run: RunDir, submission: Submission, job_id: str) -> Submission:
    """Note the job's number, unless the run has ended or been taken since."""
    named = replace(submission, job_id=job_id)
    with _locked(run):
        if _same(run, submission):
            write_text(run.submission, json.dumps(asdict(named)))
    return named


def drop(run: RunDir, submission: Submission) -> bool:
    """Give the run free, if it is still this submission's; says whether it was."""
    with _locked(run):
        if not _same(run, submission):
            return False
        run.submission.unlink(missing_ok=True)
        return True


def last_sign(run: RunDir) -> float:
    """When the run last wrote anything, in seconds since 1970; 0 if never."""
    times = [0.0]
    for name in (layout.EVENTS, layout.TRAIN, layout.CLAIM, layout.HEARTBEAT):
        with contextlib.suppress(OSError):
            times.append((run.path / name).stat().st_mtime)
    return max(times)


def _same(run: RunDir, submission: Submission) -> bool:
    found = read(run)
    return found is not None and (found.batch, found.token) == (submission.batch, submission.token)


@contextlib.contextmanager
def _locked(run: RunDir) -> Iterator[None]:
    with run.submission.with_name(f".{run.submission.name}.lock").open("w") as lock:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
