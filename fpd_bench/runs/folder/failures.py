"""What may go wrong with a run, by class, and when a sweep gives up. Needs no torch.

class            how it is seen                          what happens
out_of_memory    exception, or the scheduler's word      once more, with half the micro-batch and the same maths
timeout          stopped twice without a step between    fails: give the job more time
node             the scheduler's word                    again elsewhere, three times
worker_died      its process is gone                     once more
disk_full        no space left, or too little            fails; nothing is deleted
config, code     any other exception                     fails at once; k alike stop the sweep
"""

import errno
import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import Any

from fpd_bench.errors import ConfigError, OddFile, RunError
from fpd_bench.runs.folder.outcome import Outcome
from fpd_bench.runs.folder.rundir import RunDir

LEAST_FREE_MB = 200
# torch and safetensors raise no OSError; torch says the second where the file could not take its first bytes.
FULL = ("PytorchStreamWriter failed writing", "] . unexpected pos ", os.strerror(errno.ENOSPC))
NO_MEMORY = ("not enough memory", "can't allocate memory", "std::bad_alloc", "can't start new thread")
OURS = ("config", "code")  # failures that another try would only repeat


class DiskFull(RunError):
    """Less space is left than the next write needs."""


def check_space(folder: Path, needed: int = 0) -> None:
    """Check that `folder` has `needed` bytes left, and LEAST_FREE_MB beside them. Raises DiskFull; deletes nothing."""
    free, least = shutil.disk_usage(folder).free, needed + LEAST_FREE_MB * 2**20
    if free < least:
        raise DiskFull(
            f"'{folder}' has {free / 2**20:.0f} MB left; {least / 2**20:.0f} MB are needed. "
            "Free some space; the same command continues. Nothing was deleted."
        )


def failure_class(error: BaseException) -> str:
    """Name the failure class of an error: out_of_memory | disk_full | config | code."""
    # By name, so that nobody has to load torch to ask; PyTorch's CPU allocator has no class of its own.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "out_of_memory"
    if isinstance(error, RuntimeError) and any(words in str(error) for words in NO_MEMORY):
        return "out_of_memory"
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return "out_of_memory"
    if isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)):
        return "disk_full"
    if any(words in str(error) for words in FULL):
        return "disk_full"
    return "config" if isinstance(error, ConfigError) else "code"


def micro_batch(run: RunDir, configured: int) -> int:
    """Return the micro-batch to train with: the configured one, or the half that running out of memory has led to."""
    sizes = [event["micro_batch"] for event in run.events() if event.get("kind") == "memory" and "micro_batch" in event]
    return min(sizes[-1], configured or sizes[-1]) if sizes else configured


def halved(size: int, batch: int) -> int:
    """Return half of micro-batch `size` (0 = the whole batch), at least 1."""
    return max(1, (size or batch) // 2)


class Patience:
    """Stops a sweep whose runs fail one like the other. limit: so many identical tracebacks; 0 = never."""

    def __init__(self, limit: int):
        self.limit = limit
        self._seen: dict[str, int] = {}
        self.reason = ""

    def should_stop(self, run: RunDir, outcome: Outcome) -> bool:
        """Say whether to start no more runs, now that this one has ended."""
        mark = mistake_signature(run, outcome)
        if self.limit and mark:
            self._seen[mark] = self._seen.get(mark, 0) + 1
            if self._seen[mark] >= self.limit and not self.reason:
                said = _last_failure(run).get("message")
                self.reason = (
                    f"{self.limit} runs failed in the same way, the others were not started: {said} "
                    "(executor.max_identical_failures=0 goes on)"
                )
        return bool(self.reason)


def mistake_signature(run: RunDir, outcome: Outcome) -> str:
    """Return the signature of a failure that other runs may share and another try would only repeat; '' if it is
    none.
    """
    last = _last_failure(run) if outcome.status == "failed" else {}
    if last.get("failure_class") not in OURS:
        return ""
    return signature(last.get("traceback") or last.get("message", ""))


def signature(traceback: str) -> str:
    """Return a hash of the lines of code that a traceback went through, and of the kind of error; values do not
    matter.
    """
    places = re.findall(r'^ *File "(.*?)", line (\d+), in (\S+)', traceback, re.M)
    error_names = re.findall(r"^([A-Za-z_][\w.]*(?:Error|Exception|Diverged|Interrupted|Full|Name)\b)", traceback, re.M)
    return hashlib.sha256(repr((places, error_names) if places else traceback).encode()).hexdigest()


def _last_failure(run: RunDir) -> dict[str, Any]:
    try:
        return next((event for event in reversed(run.events()) if event.get("kind") == "failed"), {})
    except OddFile:  # the outcome tells
        return {}
