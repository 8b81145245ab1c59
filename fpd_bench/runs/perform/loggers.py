"""Mirrors of the training log in TensorBoard, Weights & Biases and MLflow (`execution.log`). Never needed.

train.jsonl is the truth; a mirror gets the numbers of each line as it is written. One that fails, at its start or
later, is told as a warning of the run and left: the training goes on, and no number depends on it. What an attempt
does again after a checkpoint is written again at the same steps.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

PROJECT = "fpd-bench"
FOLDER = "logs"  # in the results folder: logs/<mirror>/


class Mirror(Protocol):
    """What a mirror does with numbers {name: value} of a step, and at the end."""

    def write(self, step: int, numbers: Mapping[str, float]) -> None: ...
    def close(self) -> None: ...


class TensorBoard:
    """logs/tensorboard/<run id>: `tensorboard --logdir results/logs/tensorboard`."""

    def __init__(self, run_id: str, config: Mapping[str, Any], folder: Path):
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder / run_id))

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        for name, number in numbers.items():
            self.writer.add_scalar(name, number, step)

    def close(self) -> None:
        self.writer.close()


class WeightsAndBiases:
    """A run of the same id. WANDB_MODE=offline keeps it in logs/wandb, for `wandb sync`."""

    def __init__(self, run_id: str, config: Mapping[str, Any], folder: Path):
        import wandb

        project = os.environ.get("WANDB_PROJECT", PROJECT)
        folder.mkdir(parents=True, exist_ok=True)
        self.run = wandb.init(
            id=run_id, name=run_id, project=project, config=dict(config), dir=str(folder), resume="allow",
            settings=wandb.Settings(console="off", silent=True, disable_git=True, save_code=False),
        )  # fmt: skip

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        self.run.log({"step": step, **numbers})  # as a number: its own steps may not go back after a checkpoint

    def close(self) -> None:
        self.run.finish()


class MlFlow:
    """A run of the experiment fpd-bench, named by the run id; logs/mlflow unless MLFLOW_TRACKING_URI says where."""

    def __init__(self, run_id: str, config: Mapping[str, Any], folder: Path):
        from mlflow import MlflowClient

        folder.mkdir(parents=True, exist_ok=True)
        address = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder.resolve()}/mlflow.db"
        self.client = MlflowClient(tracking_uri=address)
        known = self.client.get_experiment_by_name(PROJECT)
        experiment = known.experiment_id if known else self.client.create_experiment(PROJECT)
        self.run = self.client.create_run(experiment, run_name=run_id).info.run_id
        for name, value in config.items():
            self.client.log_param(self.run, name, value)

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        for name, number in numbers.items():
            self.client.log_metric(self.run, name.replace("(", "_").replace(")", "_"), number, step=step)

    def close(self) -> None:
        self.client.set_terminated(self.run)


MIRRORS: dict[str, Callable[[str, Mapping[str, Any], Path], Mirror]] = {
    "tensorboard": TensorBoard,
    "wandb": WeightsAndBiases,
    "mlflow": MlFlow,
}


class Mirrors:
    """All mirrors that a run asks for. warn: hears of one that has failed and is left."""

    def __init__(
        self, names: Iterable[str], run_id: str, config: Mapping[str, Any], results: Path, warn: Callable[[str], None]
    ):
        self._warn, self._open = warn, dict[str, Mirror]()
        for name in names:
            self._guard(name, partial(self._start, name, run_id, config, results / FOLDER / name))

    def _start(self, name: str, run_id: str, config: Mapping[str, Any], folder: Path) -> None:
        self._open[name] = MIRRORS[name](run_id, config, folder)

    def write(self, row: Mapping[str, Any]) -> None:
        """Give each mirror the numbers of a line of the training log."""
        numbers = {name: float(value) for name, value in row.items() if name != "step" and _is_number(value)}
        for name, mirror in [*self._open.items()]:
            self._guard(name, partial(mirror.write, int(row.get("step") or 0), numbers))

    def close(self) -> None:
        """End all mirrors."""
        for name, mirror in [*self._open.items()]:
            self._guard(name, mirror.close)
        self._open.clear()

    def _guard(self, name: str, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # whatever somebody else's service or package raises must not end a training
            self._open.pop(name, None)
            self._warn(f"execution.log={name} was left: {type(error).__name__}: {' '.join(str(error).split())[:200]}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
