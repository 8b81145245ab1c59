"""How drafts and refinements are compared, and which way drafts are moved (Eq. 6-7)."""

from dataclasses import dataclass

from fpd_bench.config.knobs import COUNT, DECAY, NOT_NEGATIVE, POSITIVE, When, knob, span

AVERAGES = ("layer", "position", "running", "none")
ROLLED = When("drift.negatives=roll", lambda run: run.drift.negatives == "roll")


@dataclass
class DriftConfig:
    """Eq. 6-7. `positives`, `negatives`, `normalise` name the readings of Eq. 6 that docs/dynamics.md compares."""

    space: str = knob("feature", "where drafts and refinements are compared, of registry `spaces`")
    backbone: str = knob(
        "",
        "Phi: any timm model, or `shapes`, a network of that track's own domain (docs/adr/0014), its stages or blocks "
        "named by drift.blocks; '' = the track's own",
    )
    blocks: list[int] = knob([0, 1, 2, 3], "stages or blocks of Phi", is_set=True)
    grid: int = knob(4, "patch grid G x G on each block; 0 = one globally pooled vector", within=NOT_NEGATIVE)
    bandwidths: list[float] = knob(
        [0.5, 1.0, 2.0], "kernel widths h, for distances whose mean is 1", within=POSITIVE, length=COUNT, is_set=True
    )
    positives: str = knob(
        "all",
        "which refinements attract a draft: of its whole group, of the others, its own; `condition`: those of its "
        "prompt, while the whole batch repels",
        choices=("all", "others", "own", "condition"),
    )
    negatives: str = knob(
        "roll",
        "which drafts repel it: the whole group, itself included (the literal Eq. 6), or all others",
        choices=("roll", "self_masked"),
    )
    normalise: str = knob(
        "joint",
        "how affinities become weights: one softmax over both halves and its columns (published code), each half on "
        "its own, rows only, doubly stochastic",
        choices=("joint", "separate", "row_only", "sinkhorn"),
    )
    floor: float = knob(0.0, "least squared affinity; the published code has 1e-6", within=DECAY)
    repulsion: float = knob(1.0, "weight of the repulsive half of Eq. 6; 0 = attraction only", within=NOT_NEGATIVE)
    shifts: int = knob(0, "only so many of the following drafts repel; 0 = from all", within=NOT_NEGATIVE, when=ROLLED)
    scale: str = knob(
        "layer",
        "the distance that counts as 1: a mean over the layer, per position of the grid, over the steps, or raw "
        "features",
        choices=AVERAGES,
    )
    equalise: str = knob(
        "layer", "Z_h of Eq. 7: the RMS of V_h over the layer, per position, over the steps, or 1", choices=AVERAGES
    )
    layer_weights: list[float] = knob(
        [], "one number a block, in ascending order, in the sum of losses; [] = 1 each", within=NOT_NEGATIVE
    )
    layers: str = knob(
        "sum", "of the blocks' losses; with drift.layer_weights a weighted mean", choices=("sum", "mean")
    )
    norm: str = knob("mean", "of a squared distance over the D dimensions of a feature", choices=("mean", "sum"))
    guards: str = knob(
        "tiny",
        "least values of what is divided by: 1e-12 and 1e-6, under which features of any size drift, and rounding "
        "errors of a batch that has collapsed take a full step; or those of the published code (distances 1e-4, their "
        "mean 1e-3, Z_h 1e-4), which keep such a batch where it is",
        choices=("tiny", "published"),
        before="tiny",
    )
    combine: str = knob(
        "losses",
        "a loss for each bandwidth, or one on the sum of V_h / Z_h (published code): the same gradient",
        choices=("losses", "fields"),
    )
    memory: int = knob(0, "so many drafts of earlier steps repel as well, whatever their prompt", within=span(0, 65536))
    resize: int = knob(
        0, "side to which images are resized for Phi; 0 = the backbone's own", unit="px", within=NOT_NEGATIVE
    )
    last_norm: bool = knob(False, "a transformer's last norm, on every block")
    cls: str = knob(
        "none",
        "a transformer's class token: left out, instead of the patches, or as one more position",
        choices=("none", "only", "also"),
    )

    def __post_init__(self) -> None:
        self.blocks = sorted(set(self.blocks))
        self.bandwidths = sorted(set(self.bandwidths))
