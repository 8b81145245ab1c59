"""How and where a run is computed, which changes nothing of what it is."""

from dataclasses import dataclass

from fpd_bench.config.knobs import COUNT, NOT_NEGATIVE, knob


@dataclass
class ExecutionConfig:
    """How and where, never what: these fields are not part of the run id."""

    device: str = knob("cpu", "cpu, cuda, cuda:N or mps")
    threads: int = knob(1, "of each process", within=COUNT)
    processes: int = knob(
        1, "of this machine that train one run together; torchrun and srun bring their own number", within=COUNT
    )
    micro_batch: int = knob(
        0, "gradient accumulation over so many drafts, the same maths; 0 = whole batch at once", within=NOT_NEGATIVE
    )
    activation_checkpointing: bool = knob(False, "keep the inputs of blocks only, compute their insides twice")
    compile: bool = knob(False, "the networks of the training, by torch.compile; rounding differs as between machines")
    log_every: int = knob(20, "between lines of the training log", unit="steps", within=COUNT)
    grid_every: int = knob(200, "between pictures; 0 = none", unit="steps", within=NOT_NEGATIVE)
    checkpoint_every: int = knob(
        200, "between checkpoints; 0 = only at the end and when stopped", unit="steps", within=NOT_NEGATIVE
    )
    pause_at: int = knob(
        0,
        "step after which a longer training pauses: its student answers the suite as it is then, and the run goes on "
        "from there when this is raised or 0; a search sets it (race.steps)",
        unit="steps",
        within=NOT_NEGATIVE,
    )
