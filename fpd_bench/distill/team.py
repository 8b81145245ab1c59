"""The processes that train one run together: started here (execution.processes), or by torchrun or srun.

Rank 0 leads: it has the run, and tells the others what to train. They follow until they are dismissed, write nothing
and ignore signals, for it is rank 0 that decides to stop. Fabric finds out who is who and joins the processes.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from socket import socket
from typing import Any

import torch
import torch.distributed as dist

from fpd_bench import registry
from fpd_bench.bench import Track
from fpd_bench.config.schema import RunConfig
from fpd_bench.distill import parallel
from fpd_bench.distill.trainer import SilentRecorder, train
from fpd_bench.errors import ConfigError, Diverged, Interrupted, RankDied
from fpd_bench.models import devices

BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}  # orders and checkpoints travel through gloo, always
PATIENCE_SECONDS = 60  # for a follower to end once it is dismissed
DEATH_SECONDS = 5  # until it is clear that a connection was lost because a follower died
OURS = ("LOCAL_RANK", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT")  # variables of the processes started here


def launched_processes() -> int:
    """Return how many processes torchrun or srun has started for this work; 1 without them."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return int(os.environ["WORLD_SIZE"])
    return int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))


@contextmanager
def assembled_team(config: RunConfig) -> Iterator[None]:
    """Make all ranks train `config` while rank 0 does so in the block. Raises RankDied if one of them is lost."""
    if parallel.ranks() > 1:  # launched, joined and waiting
        parallel.from_rank_0(config)
        yield
    elif config.execution.processes > 1:
        with _followers(config.execution.processes, config.execution.device):
            parallel.from_rank_0(config)
            yield
    else:
        yield


def join(device: str, processes: int) -> None:
    """Meet the other processes. Raises ConfigError without Fabric, or for a device that cannot be shared out."""
    kind = torch.device(device).type
    if kind not in BACKENDS:
        raise ConfigError(f"execution.device={device} cannot train on several processes. Choices: cpu, cuda.")
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.plugins.environments.lightning import LightningEnvironment
        from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
        from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
        from lightning_fabric.strategies.ddp import DDPStrategy
    except ImportError as error:
        raise ConfigError("Several processes need Fabric. Run: pip install 'fpd-bench[distributed]'") from error
    place: Any = LightningEnvironment()
    here, nodes = processes, 1
    if "TORCHELASTIC_RUN_ID" in os.environ:
        place, here = TorchElasticEnvironment(), int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = processes // here
    elif launched_processes() > 1:
        try:
            place, nodes = SLURMEnvironment(auto_requeue=False), int(os.environ["SLURM_STEP_NUM_NODES"])
        except RuntimeError as error:  # srun --ntasks
            raise ConfigError(f"Fabric cannot share a run among these tasks of srun: {error}") from error
        here = processes // nodes
    strategy = DDPStrategy(cluster_environment=place, process_group_backend=BACKENDS[kind])
    Fabric(accelerator=kind, devices=here, num_nodes=nodes, strategy=strategy).launch()


def follow(device: str) -> None:
    """Train what rank 0 says, until it dismisses this process."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    tracks: dict[tuple[str, str], Track] = {}
    while (config := _next_config()) is not None:
        devices.settle_process(config.execution.threads)
        torch.manual_seed(config.seed)
        key = (config.track.name, config.track.preset)
        if key not in tracks:
            track = registry.tracks.get(config.track.name)(config.track.preset)
            tracks[key] = track if device == "cpu" else track.to(devices.open_device(device))
        with contextlib.suppress(Interrupted, Diverged):  # all ranks raise them together
            train(config, tracks[key], SilentRecorder())
    dist.destroy_process_group()


def _next_config() -> RunConfig | None:
    return parallel.from_rank_0(None)


def dismiss() -> None:
    """Let the followers end."""
    if parallel.ranks() > 1:
        with contextlib.suppress(RuntimeError):  # they are gone already
            parallel.from_rank_0(None)
        dist.destroy_process_group()


def device_of_rank(device: str, local_rank: int) -> str:
    """Return the device of a rank: GPUs are dealt out in order."""
    return f"cuda:{local_rank}" if device == "cuda" else device


@contextmanager
def _followers(processes: int, device: str) -> Iterator[None]:
    """Start the followers of this process for as long as the block runs; kill them if it ends with an error."""
    before = {name: os.environ.get(name) for name in OURS}
    ours = {"NODE_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())}
    command = [sys.executable, "-m", __name__, str(processes), device]
    os.environ.update(ours | {"LOCAL_RANK": "0"})
    followers = [
        subprocess.Popen(command, env=os.environ | {"LOCAL_RANK": str(rank)}, stdin=subprocess.DEVNULL)
        for rank in range(1, processes)
    ]
    try:
        join(device, processes)
        yield
        dismiss()
        for follower in followers:
            follower.wait(PATIENCE_SECONDS)
    except RuntimeError as error:  # what a lost connection raises
        dead = _first_dead(followers)
        if dead:
            raise RankDied(f"{dead}; the run goes on from its last checkpoint with the same command") from error
        raise
    finally:
        for follower in followers:
            follower.kill()
            follower.wait()
        if dist.is_initialized():
            dist.destroy_process_group()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _first_dead(followers: list[subprocess.Popen[bytes]]) -> str:
    """Name the first follower that has died: 'rank 1 of 2 ended with signal 9', once its death is known here; '' if
    all are alive.
    """
    end = time.monotonic() + DEATH_SECONDS
    while time.monotonic() < end:
        for rank, follower in enumerate(followers, start=1):
            code = follower.poll()
            if code:
                how = f"signal {-code}" if code < 0 else f"exit code {code}"
                return f"rank {rank} of {len(followers) + 1} ended with {how}"
        time.sleep(0.05)
    return ""


def _free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Run a follower, started by `_followers` as: python -m fpd_bench.distill.team PROCESSES DEVICE."""
    processes, device = int(sys.argv[1]), sys.argv[2]
    join(device, processes)
    follow(device_of_rank(device, int(os.environ["LOCAL_RANK"])))


if __name__ == "__main__":
    main()
