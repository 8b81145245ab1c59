"""A run in the hands of processes that torchrun or srun has started: the first carries it out, the others follow it."""

import os
from collections.abc import Callable
from typing import TypeVar

from fpd_bench.distill import parallel, team

T = TypeVar("T")


def lead_or_follow(device: str, lead: Callable[[], T], followed: T) -> T:
    """Return what `lead` gives on rank 0, and `followed` on the others, once rank 0 dismisses them. A process alone
    leads.

    device: execution.device of the runs. Raises ConfigError without Fabric.
    """
    if team.launched_processes() == 1:
        return lead()
    team.join(device, team.launched_processes())
    if parallel.rank() > 0:
        local = os.environ.get("LOCAL_RANK") or os.environ["SLURM_LOCALID"]
        team.follow(team.device_of_rank(device, int(local)))
        return followed
    try:
        return lead()
    finally:
        team.dismiss()
