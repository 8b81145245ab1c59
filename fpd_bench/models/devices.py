"""Which devices this machine has, checked before anything is put on one; threads and memory of a process."""

import ctypes
import os
import resource
import sys

import torch

from fpd_bench.errors import ConfigError

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)


def available_devices() -> list[str]:
    """List 'cpu', and every accelerator that torch can use here: 'cuda:0', 'cuda:1', 'mps'."""
    cuda = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return ["cpu", *cuda, *(["mps"] if torch.backends.mps.is_available() else [])]


def open_device(device: str) -> torch.device:
    """Open the device of this name (execution.device); 'cuda' is cuda:0. Raises ConfigError if it is not here."""
    wanted, here = "cuda:0" if device == "cuda" else device, available_devices()
    if wanted not in here:
        kind = device.partition(":")[0]
        has = "none" if not any(name.startswith(kind) for name in here) else "no such one"
        raise ConfigError(f"execution.device={device}, but this machine has {has}. Choices here: {', '.join(here)}.")
    return torch.device(wanted)


def settle_process(threads: int) -> None:
    """Let this process compute with so many threads, and keep what memory it frees for its next tensors.

    By default glibc returns large blocks to the kernel and gets them back page by page, emptied: an eighth of a step of
    256 tokens and 1,024 codes. Variables MALLOC_... of the environment stand above this; other systems are left alone.
    """
    torch.set_num_threads(threads)
    if sys.platform == "linux" and not any(name.startswith("MALLOC_") for name in os.environ):
        change = getattr(ctypes.CDLL(None), "mallopt", None)
        if change:
            change(_TRIM_THRESHOLD, 2**31 - 1)
            change(_MMAP_THRESHOLD, 2**30)


def peak_memory_gb(device: torch.device) -> float:
    """Return the most memory this process has held so far, GB (10^9 bytes): on a CUDA device its tensors, else the
    process.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
