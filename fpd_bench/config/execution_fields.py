"""How and where a run is computed, which changes nothing of what it is."""

from dataclasses import dataclass

from fpd_bench.config.knobs import COUNT, NOT_NEGATIVE, knob


@dataclass
class ExecutionConfig:
    """How and where, never what: these fields are not part of the run id."""

    device: str = knob("cpu", "device to compute on: cpu, cuda, cuda:N or mps")
    threads: int = knob(1, "threads of each process", within=COUNT)
    processes: int = knob(
        1,
        "processes on this machine that train one run together; under torchrun and srun their number counts",
        within=COUNT,
    )
    micro_batch: int = knob(
        0,
        "drafts that are computed at once, with gradients accumulated over the batch, which gives the same "
        "result; 0 = the whole batch at once",
        within=NOT_NEGATIVE,
    )
    activation_checkpointing: bool = knob(
        False, "save memory: keep only the inputs of the networks' blocks and compute the rest of them twice"
    )
    compile: bool = knob(
        False, "compile the networks for the training (torch.compile); results differ by rounding, as between machines"
    )
    log_every: int = knob(20, "distance between two lines of the training log", unit="steps", within=COUNT)
    grid_every: int = knob(
        200, "distance between two pictures of samples; 0 = no pictures", unit="steps", within=NOT_NEGATIVE
    )
    checkpoint_every: int = knob(
        200, "distance between two checkpoints; 0 = only at the end and when stopped", unit="steps", within=NOT_NEGATIVE
    )
    log: list[str] = knob(
        [],
        "where to mirror the training log, beside train.jsonl (pip install 'fpd-bench[log]')",
        choices=("tensorboard", "wandb", "mlflow"),
        is_set=True,
    )
    pause_at: int = knob(
        0,
        "step at which a longer training pauses: its student answers the suite as it is then, and the run "
        "continues when this is raised or set to 0; a search sets it (race.steps)",
        unit="steps",
        within=NOT_NEGATIVE,
    )
