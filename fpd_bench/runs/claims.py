"""Who works on a run: `claim.json`, created exclusively, with everything needed to see that its holder is dead.

A claim of this host is stale when its process is gone (or its pid has been given to another). A claim of another
host is taken as alive: only its own host can tell.
"""

import contextlib
import fcntl
import getpass
import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from fpd_bench.errors import RunError
from fpd_bench.runs.rundir import now
from fpd_bench.store import layout


class Claimed(RunError):
    """Another process works on the run."""

    def __init__(self, holder: "Claim"):
        self.holder = holder
        super().__init__(f"already running: {holder}")


class LostClaim(RunError):
    """Another process has taken the run over: write nothing more."""


@dataclass(frozen=True)
class Claim:
    """host, pid and start of the process that holds the run; the token tells one claim from the next."""

    host: str
    pid: int
    started: str  # of the process, in the kernel's own count: tells a reused pid from the holder
    token: str
    user: str
    time: str
    attempt: int

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user} on {self.host} since {self.time}"

    def here(self) -> bool:
        """Whether the holder is a process of this host."""
        return self.host == socket.gethostname()

    def alive(self) -> bool:
        """Whether the holder may still be at work."""
        return not self.here() or _started(self.pid) == self.started


def holder(path: Path) -> Claim | None:
    """Who holds the claim at `path`; None if nobody does or the holder is dead."""
    claim = _read(path)
    return claim if claim and claim.alive() else None


def acquire(path: Path, attempt: int) -> Claim:
    """Take the claim, over a dead holder if need be. Raises Claimed if a living one has it."""
    pid = os.getpid()
    claim = Claim(socket.gethostname(), pid, _started(pid) or "", uuid.uuid4().hex, _user(), now(), attempt)
    mine = path.with_name(f".{path.name}.{claim.token}")
    mine.write_text(json.dumps(asdict(claim)))
    # Takeovers go one at a time, or the second would remove the claim that the first has just made.
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        with contextlib.suppress(OSError):  # a file system without locks: `link` below is still exclusive
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            other = _read(path)
            if other and other.alive():
                raise Claimed(other)
            path.unlink(missing_ok=True)
            os.link(mine, path)  # fails if it exists, as O_EXCL does, and the claim is never seen half-written
        except FileExistsError:
            other = _read(path)
            raise Claimed(other) if other else RunError(f"{path} was claimed at the same moment. Try again.") from None
        finally:
            mine.unlink()
    return claim


def held(path: Path, claim: Claim) -> bool:
    """Whether `claim` is still the one at `path`: a process that slept for long may have been replaced."""
    found = _read(path)
    return found is not None and found.token == claim.token


def release(path: Path, claim: Claim) -> None:
    """Give the claim back, if it is still ours."""
    if held(path, claim):
        path.unlink(missing_ok=True)


def _read(path: Path) -> Claim | None:
    found = layout.read_json(path)
    try:
        return Claim(**found) if found else None
    except TypeError:  # not a claim of ours: nobody can hold it
        return None


def _started(pid: int) -> str | None:
    """When the process began, in clock ticks since boot; None if it is not there, or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self").exists() else _probe(pid)
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def _probe(pid: int) -> str | None:
    """Without /proc (macOS): only whether the pid is in use."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a passwd entry
        return str(os.getuid())
