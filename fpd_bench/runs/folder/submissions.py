"""Which batch job a run is given to: `submission.json`, created exclusively before sbatch, dropped at the run's end.

Between the claim and the record of the job's number the submitter may die. Then the job, if there is one, is found by
its name, which is that of the batch.
"""

import contextlib
import fcntl
import json
import os
import re
import socket
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from fpd_bench.errors import OddFile
from fpd_bench.records import layout, odd_files
from fpd_bench.records.odd_files import require_all
from fpd_bench.runs.folder.claims import process_start, user_name
from fpd_bench.runs.folder.rundir import RunDir, now
from fpd_bench.runs.folder.whole_files import write_text

LOGS = "slurm"  # results/slurm/<batch>/: what its jobs print


JOB = r"\d{1,18}(_\d{1,9})?"  # a job's number, or that of one in an array
FORMS = {
    "batch": r"fpd-\w{1,40}", "token": r"[0-9a-f]{12}/\d{1,9}", "job_id": rf"({JOB})?", "exclude": r"[\w.,\[\]-]*",
}  # fmt: skip


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
    grace_min: int = 10  # how long the job counts as running while nobody knows it
    most_alike: int = 0  # identical failures in the batch after which its jobs start no more runs; 0 = never
    job_id: str = ""

    def __post_init__(self) -> None:
        """Refuse what this program never writes: these words become file names and options of SLURM."""
        require_all(asdict(self), FIELDS, layout.SUBMISSION)
        for name, form in FORMS.items():
            if not re.fullmatch(form, getattr(self, name), re.ASCII):
                word = repr(getattr(self, name)[:40])
                raise OddFile(f"{layout.SUBMISSION}: {name} is {word}, which fpd_bench never writes")

    def __str__(self) -> str:
        return f"job {self.job_id or self.batch} of {self.user} since {self.time}"

    def unfinished(self) -> bool:
        """Say whether its submitter may still be about to record the job's number."""
        elsewhere = self.host != socket.gethostname()
        return not self.job_id and (elsewhere or process_start(self.pid) == self.started)

    def job_of(self, array: str) -> str:
        """Return its job's number, given that of the whole batch."""
        return array if self.index < 0 else f"{array}_{self.index}"


FIELDS: dict[str, type | tuple[type, ...]] = {field.name: field.type for field in fields(Submission)}  # type: ignore[misc]


def new_batch() -> str:
    """Make a name that no other batch has."""
    return f"fpd-{uuid.uuid4().hex[:10]}"


def read(run: RunDir) -> Submission | None:
    """Read the run's submission; None if it is given to no batch job. Raises OddFile if the file does not say which."""
    found = layout.read_json(run.submission)
    if found is None and run.submission.exists():
        raise OddFile(f"{layout.SUBMISSION} was not written by fpd_bench")
    try:
        return Submission(**found) if found is not None else None
    except TypeError:
        raise OddFile(f"{layout.SUBMISSION} was not written by fpd_bench") from None


def claim(
    run: RunDir,
    batch: str,
    index: int,
    tries: int = 1,
    exclude: str = "",
    grace_min: int = 10,
    most_alike: int = 0,
) -> Submission | None:
    """Take the run for a job of `batch`; None if it is already somebody's."""
    token = f"{run.run_id}/{max(run.attempts(), default=0) + 1}"
    start = process_start(os.getpid()) or ""
    host, pid = socket.gethostname(), os.getpid()
    mine = Submission(batch, token, index, host, pid, start, user_name(), now(), tries, exclude, grace_min, most_alike)
    temporary = run.submission.with_name(f".{run.submission.name}.{uuid.uuid4().hex}")
    try:
        temporary.write_text(json.dumps(asdict(mine)))
        os.link(temporary, run.submission)
    except FileExistsError:
        return None
    finally:
        temporary.unlink(missing_ok=True)
    return mine


def record(run: RunDir, submission: Submission, job_id: str) -> Submission:
    """Note the job's number, unless the run has ended or been taken since."""
    named = replace(submission, job_id=job_id)
    with _locked(run):
        if _is_current(run, submission):
            write_text(run.submission, json.dumps(asdict(named)))
    return named


def drop(run: RunDir, submission: Submission) -> bool:
    """Release the run, if this submission still has it; say whether it did."""
    with _locked(run):
        if not _is_current(run, submission):
            return False
        run.submission.unlink(missing_ok=True)
        return True


def last_written(run: RunDir) -> float:
    """Return when the run last wrote anything, in seconds since 1970; 0 if never."""
    times = [0.0]
    for name in (layout.EVENTS, layout.TRAIN, layout.CLAIM, layout.HEARTBEAT):
        with contextlib.suppress(OSError):
            times.append((run.path / name).stat().st_mtime)
    return max(times)


def note_mistake(run: RunDir, submission: Submission, mark: str) -> None:
    """Tell the other jobs of the batch that this run has failed, and how: the process that submitted them may have
    left.
    """
    folder = _mistakes_folder(run, submission) / mark[:12]
    with contextlib.suppress(OSError):  # a full disk is the run's own failure to tell
        folder.mkdir(parents=True, exist_ok=True)
        (folder / run.run_id).touch()


def failed_too_often(run: RunDir, submission: Submission) -> bool:
    """Say whether so many runs of the batch have failed alike that this one should not begin."""
    counts = [len(list(folder.iterdir())) for folder in _mistakes_folder(run, submission).glob("*")]
    return 0 < submission.most_alike <= max(counts, default=0)


def _mistakes_folder(run: RunDir, submission: Submission) -> Path:
    return run.path.parents[1] / LOGS / submission.batch / "failed"


def job_output(run: RunDir, job_id: str, stream: str) -> str:
    """Read what a job of the run has printed; '' for nothing. stream: out | err."""
    if not re.fullmatch(JOB, job_id, re.ASCII):  # no number: an attempt's record may hold anything
        return ""
    paths = sorted((run.path.parents[1] / LOGS).glob(f"*/{job_id}_*_log.{stream}"))
    texts = [read_log(path).strip() for path in paths]
    return "\n".join(text for text in texts if text)


def read_log(path: Path) -> str:
    """Read the text of a log; '' if there is none that can be read."""
    try:
        return odd_files.read_bytes(path).decode("utf-8", "replace")
    except (FileNotFoundError, OddFile):
        return ""


def _is_current(run: RunDir, submission: Submission) -> bool:
    try:
        found = read(run)
    except OddFile:
        return False
    return found is not None and (found.batch, found.token) == (submission.batch, submission.token)


@contextlib.contextmanager
def _locked(run: RunDir) -> Iterator[None]:
    with run.submission.with_name(f".{run.submission.name}.lock").open("w") as lock:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
