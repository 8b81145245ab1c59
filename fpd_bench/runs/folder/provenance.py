"""Where the numbers of an attempt come from: code, packages, assets, machine, seeds, command. Secrets are masked."""

import hashlib
import importlib.util
import json
import os
import platform
import re
import socket
import sys
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import fpd_bench
from fpd_bench.config.identity import plugins
from fpd_bench.config.schema import RunConfig
from fpd_bench.registry import AXES, generators
from fpd_bench.runs.folder.claims import batch_job
from fpd_bench.runs.folder.code_state import code_state
from fpd_bench.runs.folder.rundir import now
from fpd_bench.secrets_mask import mask, mask_words

PACKAGES = ("torch", "torchvision", "timm", "numpy", "scipy", "safetensors", "hydra-core", "omegaconf")
ENVIRONMENT = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG")
_PACKAGE = Path(fpd_bench.__file__).parent
KEPT = "code.json"  # beside a copy of the code: what was said of the original


def record(config: RunConfig, assets: dict[str, str]) -> dict[str, Any]:
    """Return what attempts/<n>.json keeps. assets: {file: sha256} of the track."""
    return {
        "start": now(),
        "code": code(),
        "plugin_packages": plugin_packages(config),
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
        "command": mask_words([sys.executable, *sys.argv]),
        "environment": {
            name: mask(value)
            for name, value in sorted(os.environ.items())
            if name in ENVIRONMENT or name.startswith("SLURM_JOB")
        },
    }


@cache  # as the code was when this process loaded it
def code() -> dict[str, Any]:
    """Return version, file hashes and git state of this package: of the original, where this is a copy for jobs."""
    kept = _read_code_note()
    return kept["code"] if kept else {"version": fpd_bench.__version__} | code_state(_PACKAGE)


def plugin_packages(config: RunConfig) -> dict[str, Any]:
    """Return {package: version, file hashes and git state} of other packages whose plugins the run uses."""
    kept, found = _read_code_note(), plugin_code(config)
    if kept:
        return {package: kept["plugin_packages"].get(package, {}) for package in found}
    return {package: {"version": metadata.version(package)} | code_state(place) for package, place in found.items()}


def plugin_code(config: RunConfig) -> dict[str, Path]:
    """Return {package: its folder or file} of other packages whose plugins the run uses."""
    found = {}
    for key in plugins(config):
        kind, _, name = key.partition(":")
        registry = next(one for one in (*AXES.values(), generators) if one.kind == kind)
        package, module = registry.package(name), registry.declaration(name).module
        top = importlib.util.find_spec(module.partition(".")[0]) if package else None
        if top and top.origin:
            found[package] = Path(top.origin).parent if top.submodule_search_locations else Path(top.origin)
    return found


def write_code_note(folder: Path, configs: Iterable[RunConfig]) -> None:
    """Write what is said of the code beside a copy of it, which is no checkout any more."""
    theirs: dict[str, Any] = {}
    for config in configs:
        theirs |= plugin_packages(config)
    (folder / KEPT).write_text(json.dumps({"code": code(), "plugin_packages": theirs}, indent=1))


def _read_code_note() -> dict[str, Any] | None:
    kept = _PACKAGE.parent / KEPT
    return dict(json.loads(kept.read_text())) if kept.exists() else None


@cache
def packages() -> dict[str, str]:
    """Return the versions of Python and of the packages that can change a number."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def installed() -> str:
    """List every package that this interpreter finds, as 'name==version' lines, sorted."""
    return "".join(
        sorted({f"{name}=={version}\n" for name, version in map(_name_and_version, metadata.distributions())})
    )


def _name_and_version(one: metadata.Distribution) -> tuple[str, str]:
    """Return name and version, by the folder's name if that says both: to parse each METADATA takes a third of a
    second.
    """
    found = re.fullmatch(r"(.+)-(.+)\.dist-info", getattr(getattr(one, "_path", None), "name", ""))
    return (found[1].replace("_", "-"), found[2]) if found else (one.metadata["Name"] or "?", one.version)


def device(name: str) -> dict[str, Any]:
    """Return the device's name, and its model and driver if it is a GPU."""
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
