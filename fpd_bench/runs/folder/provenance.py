"""Where the numbers of an attempt come from: code, packages, assets, machine, seeds, command. Secrets are masked."""

import hashlib
import json
import os
import platform
import re
import socket
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import fpd_bench
from fpd_bench.config.schema import RunConfig
from fpd_bench.records.layout import sha256
from fpd_bench.runs.folder.claims import batch_job
from fpd_bench.runs.folder.rundir import now
from fpd_bench.secrets_mask import mask

PACKAGES = ("torch", "torchvision", "timm", "numpy", "scipy", "safetensors", "hydra-core", "omegaconf")
ENVIRONMENT = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG")
LONGEST_DIFF = 400_000  # characters; a longer one is cut, its hash is of the whole
_PACKAGE = Path(fpd_bench.__file__).parent
KEPT = "code.json"  # beside a copy of the package: what `code` said of the original


def record(config: RunConfig, assets: dict[str, str]) -> dict[str, Any]:
    """What attempts/<n>.json keeps. assets: {file: sha256} of the track."""
    return {
        "start": now(),
        "code": code(),
        "packages": packages(),
        "installed_sha256": hashlib.sha256(installed().encode()).hexdigest(),  # of attempts/<n>.packages.txt
        "assets": assets,
        "host": socket.gethostname(),
        "job": batch_job(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "device": device(config.execution.device),
        "threads": config.execution.threads,
        "seeds": {"seed": config.seed},
        "command": [mask(argument) for argument in [sys.executable, *sys.argv]],
        "environment": {
            name: mask(value)
            for name, value in sorted(os.environ.items())
            if name in ENVIRONMENT or name.startswith("SLURM_JOB")
        },
    }


@cache  # as the code was when this process loaded it
def code() -> dict[str, Any]:
    """The package's version and file hashes; inside a git checkout also its commit and what differs from it."""
    kept = _PACKAGE.parent / KEPT
    if kept.exists():
        return dict(json.loads(kept.read_text()))
    files = {path.relative_to(_PACKAGE).as_posix(): sha256(path) for path in sorted(_PACKAGE.rglob("*.py"))}
    listing = "".join(f"{digest}  {name}\n" for name, digest in files.items())
    found: dict[str, Any] = {
        "version": fpd_bench.__version__,
        "files_sha256": hashlib.sha256(listing.encode()).hexdigest(),
    }
    sha = _git("rev-parse", "HEAD")
    if sha is None or _git("ls-files", "--error-unmatch", str(_PACKAGE / "__init__.py")) is None:
        return found | {"files": files}
    diff = _git("diff", "HEAD", "--", str(_PACKAGE)) or ""
    new = _git("ls-files", "--others", "--exclude-standard", "--", str(_PACKAGE)) or ""
    untracked = {name: files[name] for name in files if any(path.endswith(name) for path in new.splitlines())}
    git = {
        "sha": sha.strip(),
        "dirty": bool(diff or untracked),
        "remote": mask((_git("remote", "-v") or "").split("\n")[0]),
    }
    if diff:
        git |= {"diff_sha256": hashlib.sha256(diff.encode()).hexdigest(), "diff": mask(diff[:LONGEST_DIFF])}
    return found | {"git": git | ({"untracked": untracked} if untracked else {})}


@cache
def packages() -> dict[str, str]:
    """Versions of Python and of the packages that can change a number."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def installed() -> str:
    """Every package that this interpreter finds, as 'name==version' lines, sorted."""
    return "".join(sorted({f"{name}=={version}\n" for name, version in map(_named, metadata.distributions())}))


def _named(one: metadata.Distribution) -> tuple[str, str]:
    """Name and version, by the folder's name if that says both: to parse each METADATA takes a third of a second."""
    found = re.fullmatch(r"(.+)-(.+)\.dist-info", getattr(getattr(one, "_path", None), "name", ""))
    return (found[1].replace("_", "-"), found[2]) if found else (one.metadata["Name"] or "?", one.version)


def device(name: str) -> dict[str, Any]:
    """The device's name, and its model and driver if it is a GPU."""
    if not name.startswith("cuda"):
        return {"name": name}
    import torch

    return {"name": name, "model": torch.cuda.get_device_name(name), "cuda": torch.version.cuda}


def _cpu() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    return found[1] if found else platform.processor()


def _git(*arguments: str) -> str | None:
    """Output of a git command on this checkout; None without git, or if it fails."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=_PACKAGE, capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
