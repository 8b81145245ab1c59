"""Who works on a run: `claim.json`, created exclusively, with everything needed to see that its holder is dead.

A claim of this host is stale when its process is gone (or its pid has been given to another). A claim of another
host is taken as alive, since only its own host can tell, unless its batch job is ours (a requeued job runs in one
place at a time), the scheduler says that the job is over (`release_for_job`), or its heartbeat has been silent for
SILENT_MIN: the folder was copied from elsewhere, or that host is gone. Should it wake up after all, it finds its claim
lost before it writes a result.
"""

import contextlib
import fcntl
import getpass
import json
import math
import os
import shlex
import socket
import time
import uuid
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fpd_bench.errors import OddFile, RunError
from fpd_bench.records import layout
from fpd_bench.records.odd_files import require_all
from fpd_bench.runs.folder.rundir import now

SILENT_MIN = 60  # a claim of another host without a heartbeat for so long is nobody's
AHEAD_MIN = 5  # two hosts' clocks may differ by so much


class Claimed(RunError):
    """Another process works on the run."""

    def __init__(self, holder: "RunClaim", path: Path):
        self.holder = holder
        super().__init__(f"already running: {describe_holder(path, holder)}")


class LostClaim(RunError):
    """Another process has taken the run over: write nothing more."""


@dataclass(frozen=True)
class RunClaim:
    """host, pid and start of the process that holds the run; the token tells one claim from the next."""

    host: str
    pid: int
    started: str  # of the process, in the kernel's own count: tells a reused pid from the holder
    token: str
    user: str
    time: str
    attempt: int
    job: str = ""  # of the batch system, if any

    def __str__(self) -> str:
        job = f" (job {self.job})" if self.job else ""
        return f"process {self.pid} of {self.user} on {self.host} since {self.time}{job}"

    def on_this_host(self) -> bool:
        """Say whether the holder is a process of this host."""
        return self.host == socket.gethostname()

    def may_be_alive(self) -> bool:
        """Say whether the holder may still be at work."""
        if self.on_this_host():
            return process_start(self.pid) == self.started
        return not self.job or self.job != batch_job()


FIELDS: dict[str, type | tuple[type, ...]] = {field.name: field.type for field in fields(RunClaim)}  # type: ignore[misc]


def holder(path: Path) -> RunClaim | None:
    """Return who holds the claim at `path`; None if nobody does or the holder is dead."""
    claim = _read(path)
    return claim if claim and _is_working(path, claim) else None


def _is_working(path: Path, claim: RunClaim) -> bool:
    return claim.may_be_alive() and (claim.on_this_host() or silent_min(path, claim) < SILENT_MIN)


def silent_min(path: Path, claim: RunClaim) -> float:
    """Return the minutes since the claim or its heartbeat was written, by this host's clock.

    A time that cannot be, none or one in the future, says nothing: then it is how far from now the file was written,
    so that a clock that was ahead holds no run for as long as it was ahead.
    """
    beat = _read_beat(path)
    file, said = path, claim.time
    if beat.get("token") == claim.token:
        file, said = path.with_name(layout.HEARTBEAT), str(beat.get("time"))
    try:
        silent = (datetime.now(UTC) - datetime.fromisoformat(said)).total_seconds() / 60
    except (ValueError, TypeError):
        silent = -math.inf
    if silent < -AHEAD_MIN:
        try:
            silent = abs(time.time() - file.stat().st_mtime) / 60
        except OSError:
            silent = math.inf
    return max(silent, 0.0)


def _read_beat(path: Path) -> dict[str, Any]:
    try:
        return layout.read_json(path.with_name(layout.HEARTBEAT)) or {}
    except OddFile:
        return {}


def silent_min_elsewhere(path: Path) -> float:
    """Return the minutes without a sign of life from a holder on another host; 0 if there is none, or it is of this
    host.
    """
    claim = holder(path)
    return silent_min(path, claim) if claim and not claim.on_this_host() else 0.0


def describe_holder(path: Path, claim: RunClaim) -> str:
    """Describe who holds the claim, and if only another host can tell whether it lives: until when it counts, and what
    to do.
    """
    if claim.on_this_host():
        return str(claim)
    return (
        f"{claim}; no sign of life for {silent_min(path, claim):.0f} min, counts as running until {SILENT_MIN} min. "
        f"If {claim.host} no longer exists, or is a former name of this host, free the run: rm {shlex.quote(str(path))}"
    )


def acquire(path: Path, attempt: int) -> RunClaim:
    """Take the claim, over a dead holder if need be. Raises Claimed if a living one has it."""
    pid = os.getpid()
    claim = RunClaim(
        socket.gethostname(), pid, process_start(pid) or "", uuid.uuid4().hex, user_name(), now(), attempt, batch_job()
    )
    mine = path.with_name(f".{path.name}.{claim.token}.tmp")  # begin_attempt clears those of the killed away
    try:
        mine.write_text(json.dumps(asdict(claim)))
    except OSError:  # a full disk makes the name but not the text
        with contextlib.suppress(OSError):
            mine.unlink(missing_ok=True)
        raise
    # Takeovers go one at a time, or the second would remove the claim that the first has just made.
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        with contextlib.suppress(OSError):  # a file system without locks: `link` below is still exclusive
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            other = _read(path)
            if other and _is_working(path, other):
                raise Claimed(other, path)
            path.unlink(missing_ok=True)
            os.link(mine, path)  # fails if it exists, as O_EXCL does, and the claim is never seen half-written
        except FileExistsError:
            other = _read(path)
            raise (
                Claimed(other, path) if other else RunError(f"{path} was claimed at the same moment. Try again.")
            ) from None
        finally:
            mine.unlink(missing_ok=True)
    return claim


def is_held(path: Path, claim: RunClaim) -> bool:
    """Say whether `claim` is still the one at `path`: a process that slept for long may have been replaced."""
    found = _read(path)
    return found is not None and found.token == claim.token


def release(path: Path, claim: RunClaim) -> None:
    """Give the claim back, if it is still ours."""
    if is_held(path, claim):
        path.unlink(missing_ok=True)


def release_for_job(path: Path, job: str) -> None:
    """Remove the claim of batch job `job`, which the scheduler says is over."""
    found = _read(path)
    if found and found.job == job and not (found.on_this_host() and found.may_be_alive()):
        path.unlink(missing_ok=True)


def batch_job() -> str:
    """Return the batch job that this process is part of, as 17 or 17_3; '' outside of one."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")


def _read(path: Path) -> RunClaim | None:
    found = layout.read_json(path)
    if not found:
        return None
    try:
        require_all(found, FIELDS, layout.CLAIM)
        claim = RunClaim(**found)
    except (TypeError, OddFile):  # not a claim of ours: nobody can hold it
        return None
    return claim if claim.pid > 0 else None  # to the system 0 and less are many processes


def process_start(pid: int) -> str | None:
    """Return when the process began, in clock ticks since boot; None if it is not there, or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self").exists() else _pid_in_use(pid)
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def _pid_in_use(pid: int) -> str | None:
    """Say whether the pid is in use, which is all that can be known without /proc (macOS): '' if it is, else None."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""


def user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a passwd entry
        return str(os.getuid())
