"""How a sweep is to be carried out, from the `executor...=` overrides of a command line. Needs no torch."""

import dataclasses
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from fpd_bench.config.compose import Override, parse
from fpd_bench.config.schema import ExecutionConfig
from fpd_bench.errors import ConfigError, UnknownName
from fpd_bench.runs.execute.executor import EXECUTORS

LONGEST_MIN = 43_200  # 30 days
SBATCH = "executor.sbatch."
GPUS_BY_SBATCH = ("gres", "gpus", "gpus_per_node", "gpus_per_socket", "gpus_per_task", "tres_per_task")


@dataclass(frozen=True)
class ExecutorOptions:
    """workers: processes of `local`. max_identical_failures: 0 = never give up. All others are for `slurm`.

    workers, gpus: None = as the runs need, see `fit_to_runs`. gpus, cpus, mem_gb: of one job (mem_gb 0: the site's
    own). cells_per_job: runs that one job does in turn. max_parallel: jobs at once. array_size: jobs of one array;
    never more than the site allows. signal_s: seconds of warning before a time limit. grace_min: how long a job that
    the scheduler does not know counts as running. setup, teardown: a shell line before and after the job, such as
    `module load cuda`. srun_args: arguments of srun. python: what runs a job, such as `singularity exec image.sif
    python`. sbatch: any other option of sbatch. as_needed: gpus is the most that a run needs; a job asks for what its
    own do.
    """

    name: str = "local"
    workers: int | None = None
    max_identical_failures: int = 3
    partition: str = ""
    gpus: int | None = None
    cpus: int = 1
    mem_gb: int = 0
    timeout_min: int = 60
    cells_per_job: int = 1
    max_parallel: int = 256
    array_size: int = 500
    signal_s: int = 90
    grace_min: int = 10
    account: str = ""
    qos: str = ""
    constraint: str = ""
    setup: str = ""
    teardown: str = ""
    srun_args: str = ""
    python: str = ""
    sbatch: dict[str, str] = field(default_factory=dict)
    as_needed: bool = False


# field: (least, most)
RANGES = {
    "workers": (1, 4096), "max_identical_failures": (0, 10**6), "gpus": (0, 1024), "cpus": (1, 4096),
    "mem_gb": (0, 10**6), "timeout_min": (1, LONGEST_MIN), "cells_per_job": (1, 10**6), "max_parallel": (1, 10**6),
    "array_size": (1, 10**6), "signal_s": (1, 3600), "grace_min": (0, 10_000),
}  # fmt: skip
# Options of sbatch that have a field of their own, or by which jobs and their output are found again.
TAKEN = {
    "partition": "executor.partition", "account": "executor.account", "qos": "executor.qos",
    "constraint": "executor.constraint", "time": "executor.timeout_min", "signal": "executor.signal_s",
    "array": "executor.array_size and executor.max_parallel", "job_name": "", "output": "", "error": "",
    "open_mode": "",
}  # fmt: skip
EVERYWHERE = ("workers", "max_identical_failures")
FIELDS = [
    entry.name for entry in dataclasses.fields(ExecutorOptions) if entry.name not in ("name", "sbatch", "as_needed")
]
KNOWN = ("executor", *(f"executor.{name}" for name in FIELDS), f"{SBATCH}OPTION")


def split_executor(overrides: Iterable[str]) -> tuple[ExecutorOptions, list[str]]:
    """Split overrides into those of the executor (executor=NAME executor.workers=N ...) and all others. Raises
    ConfigError, UnknownName.
    """
    texts = list(overrides)
    mine = [text for text in texts if text.partition("=")[0].partition(".")[0] == "executor"]
    options = {override.key: _text_of(override) for override in parse(mine, "the command line")}
    name = options.pop("executor", "local")
    if name not in EXECUTORS:
        raise UnknownName("executor", name, EXECUTORS)
    sbatch = {_option(key): text for key, text in options.items() if key.startswith(SBATCH)}
    found: dict[str, Any] = {"name": name, "sbatch": sbatch}
    for key, text in options.items():
        if key.startswith(SBATCH):
            continue
        if key not in KNOWN:
            raise UnknownName("field", key, KNOWN, "the command line")
        found[key.removeprefix("executor.")] = _whole_number(key, text)
    if name != "slurm":
        _refuse_slurm_fields(name, found)
    return ExecutorOptions(**found), [text for text in texts if text not in mine]


def fit_to_runs(executor: ExecutorOptions, executions: Iterable[ExecutionConfig]) -> ExecutorOptions:
    """Return `executor` with the workers and the GPUs of a job that these runs need, where the command line names none.

    Runs on a GPU are made one after the other: several would share its memory. Who asks sbatch for GPUs in its own
    words (executor.sbatch.gres=gpu:a100:1) is given no more.
    """
    gpus_of_each = [gpus_of_run(one) for one in executions]
    workers, gpus, as_needed = executor.workers, executor.gpus, False
    if workers is None:
        workers = 1 if any(gpus_of_each) else _cores()
    if gpus is None:
        as_needed = not asks_sbatch(executor)
        gpus = max(gpus_of_each, default=0) if as_needed else 0
    return replace(executor, workers=workers, gpus=gpus, as_needed=as_needed)


def gpus_of_run(execution: ExecutionConfig) -> int:
    """Return the number of GPUs that a run uses."""
    return 0 if execution.device == "cpu" else execution.processes


def asks_sbatch(executor: ExecutorOptions) -> bool:
    """Say whether an option of sbatch asks for GPUs, or says that a job has them without asking (gres=none)."""
    asked = {option: text for option, text in executor.sbatch.items() if option in GPUS_BY_SBATCH}
    return any("gpu" in f"{option}={text}" or text == "none" for option, text in asked.items())


def _option(key: str) -> str:
    """Return the option of sbatch that `executor.sbatch.OPTION` names, as submitit writes it. Raises ConfigError."""
    name = key.removeprefix(SBATCH).replace("-", "_")
    if name in TAKEN:
        instead = f"Set {TAKEN[name]}." if TAKEN[name] else "It finds jobs and their output by it; leave it out."
        raise ConfigError(f"{key} cannot be set here: fpd_bench sets it. {instead}")
    return name


def _whole_number(key: str, text: str) -> int | str:
    name = key.removeprefix("executor.")
    if name not in RANGES:
        return text
    if name == "timeout_min" and not text.isdecimal():
        raise ConfigError(_time_message(text))
    least, most = RANGES[name]
    if not text.isdecimal() or not least <= int(text) <= most:
        raise ConfigError(f"{key} must be a whole number from {least} to {most}; got '{text}'.")
    return int(text)


def _time_message(text: str) -> str:
    message = f"executor.timeout_min must be whole minutes from 1 to {LONGEST_MIN}; got '{text}'."
    clock = re.fullmatch(r"(\d+):(\d\d)", text)
    if not clock:
        return message
    first, second = int(clock[1]), int(clock[2])
    short, long = first + (second > 0), 60 * first + second
    return f"{message} Write {short} ({first} min {second} s) or {long} ({first} h {second} min)."


def _refuse_slurm_fields(name: str, found: dict[str, Any]) -> None:
    extra = [key for key in found if key not in ("name", "sbatch", *EVERYWHERE)] + [
        f"sbatch.{k}" for k in found["sbatch"]
    ]
    if extra:
        raise ConfigError(f"executor.{extra[0]} is for executor=slurm; the executor is '{name}'. Add executor=slurm.")


def _text_of(override: Override) -> str:
    """Return what is behind `key=`, as it was written: a list of partitions or nodes is SLURM's own."""
    return ",".join(_unquoted(text.partition("=")[2]) for text in override.texts)


def _unquoted(value: str) -> str:
    """Return the value without the quotes that Hydra's grammar wants around some values."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
