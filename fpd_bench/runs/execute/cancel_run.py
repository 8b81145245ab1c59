"""Take one run back, from its batch job or from the process of this machine that works on it. Needs no torch."""

import os
import signal
from pathlib import Path

from fpd_bench.errors import ConfigError
from fpd_bench.runs.folder import claims, submissions
from fpd_bench.runs.folder.rundir import find_run


def cancel_run(results: Path, name: str) -> str:
    """Cancel the run whose id begins with `name`; say what was done. What it has saved stays.

    Raises ConfigError for a run that nobody works on, one on another machine, and where SLURM or the system refuses.
    """
    run = find_run(results, name)
    if submissions.read(run):
        from fpd_bench.runs.slurm.cancel_one import take_back

        return take_back(run, results)
    holder = claims.holder(run.claim)
    if holder is None:
        raise ConfigError(f"Nobody works on run {run.run_id}. Where it stands: python -m fpd_bench.status {run.run_id}")
    if not holder.on_this_host():
        raise ConfigError(f"Run {run.run_id} is worked on by {holder}. Cancel it on that machine.")
    try:
        os.kill(holder.pid, signal.SIGTERM)  # it saves at the next step and gives the run back
    except OSError as error:
        raise ConfigError(f"Cannot stop {holder}: {error.strerror}.") from None
    return f"Run {run.run_id} was asked to stop: {holder} saves it at its next step. The sweep's command continues it."
