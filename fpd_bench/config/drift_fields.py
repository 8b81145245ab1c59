"""How drafts and refinements are compared, and which way drafts are moved (Eq. 6-7)."""

from dataclasses import dataclass

from fpd_bench.config.knobs import COUNT, DECAY, NOT_NEGATIVE, POSITIVE, When, knob, span

AVERAGES = ("layer", "position", "running", "none")
ROLLED = When("drift.negatives=roll", lambda run: run.drift.negatives == "roll")


@dataclass
class DriftConfig:
    """Eq. 6-7. `positives`, `negatives`, `normalise` name the readings of Eq. 6 that docs/dynamics.md compares."""

    space: str = knob("feature", "space in which drafts and refinements are compared, one of the registry `spaces`")
    backbone: str = knob(
        "",
        "backbone network Phi, whose stages or blocks drift.blocks names: any timm model, or `shapes`, a "
        "network trained on that track's own images (docs/adr/0014); '' = the track's own",
    )
    blocks: list[int] = knob([0, 1, 2, 3], "numbers of the stages or blocks of the backbone", is_set=True)
    grid: int = knob(
        4, "side G of the G x G patch grid on each block; 0 = one vector for the whole image", within=NOT_NEGATIVE
    )
    bandwidths: list[float] = knob(
        [0.5, 1.0, 2.0],
        "kernel widths h, for distances that are scaled to a mean of 1",
        within=POSITIVE,
        length=COUNT,
        is_set=True,
    )
    positives: str = knob(
        "all",
        "which refinements attract a draft: those of all drafts it is compared with (all), all but its own "
        "(others), its own only (own), or those of its prompt while the drafts of the whole batch repel it "
        "(condition)",
        choices=("all", "others", "own", "condition"),
    )
    negatives: str = knob(
        "roll",
        "which drafts repel a draft: all it is compared with, itself included (roll, the literal Eq. 6), or "
        "all but itself",
        choices=("roll", "self_masked"),
    )
    normalise: str = knob(
        "joint",
        "how affinities become weights: one softmax over both halves and its columns (joint, published code), "
        "each half for itself, over rows only, or doubly stochastic (sinkhorn)",
        choices=("joint", "separate", "row_only", "sinkhorn"),
    )
    floor: float = knob(0.0, "smallest squared affinity; the published code has 1e-6", within=DECAY)
    repulsion: float = knob(
        1.0, "weight of the repelling half of Eq. 6; 0 = drafts are only attracted", within=NOT_NEGATIVE
    )
    shifts: int = knob(
        0, "number of following drafts that repel a draft; 0 = all drafts repel it", within=NOT_NEGATIVE, when=ROLLED
    )
    scale: str = knob(
        "layer",
        "which distance counts as 1: the mean over a layer, over each position of the grid, over all steps so "
        "far (running), or none: features are left as they are",
        choices=AVERAGES,
    )
    equalise: str = knob(
        "layer",
        "Z_h of Eq. 7: the RMS of V_h over a layer, over each position, over all steps so far (running), or "
        "none: Z_h is 1",
        choices=AVERAGES,
    )
    layer_weights: list[float] = knob(
        [],
        "weights of the blocks in the sum of their losses, one number for each block, in ascending order; [] "
        "= 1 for each",
        within=NOT_NEGATIVE,
    )
    layers: str = knob(
        "sum",
        "how the losses of the blocks are put together; with drift.layer_weights, mean is a weighted mean",
        choices=("sum", "mean"),
    )
    norm: str = knob(
        "mean", "how a squared distance is put together over the D dimensions of a feature", choices=("mean", "sum")
    )
    guards: str = knob(
        "tiny",
        "smallest values that anything is divided by. tiny: 1e-12 and 1e-6, so that features of any size "
        "drift, but a batch that has collapsed moves a full step by rounding errors; published: those of the "
        "published code (distances 1e-4, their mean 1e-3, Z_h 1e-4), which leave such a batch where it is",
        choices=("tiny", "published"),
        before="tiny",
    )
    combine: str = knob(
        "losses",
        "a loss for each bandwidth, or one loss on the sum of V_h / Z_h (fields, published code); the "
        "gradient is the same",
        choices=("losses", "fields"),
    )
    memory: int = knob(
        0, "number of drafts of earlier steps that repel as well, whatever their prompt", within=span(0, 65536)
    )
    resize: int = knob(
        0,
        "side to which images are resized for the backbone; 0 = the backbone's own",
        unit="px",
        within=NOT_NEGATIVE,
    )
    last_norm: bool = knob(
        False, "whether a transformer's last normalisation is applied to the features of every block"
    )
    cls: str = knob(
        "none",
        "a transformer's class token: left out (none), used instead of the patches (only), or as one more "
        "position (also)",
        choices=("none", "only", "also"),
    )

    def __post_init__(self) -> None:
        self.blocks = sorted(set(self.blocks))
        self.bandwidths = sorted(set(self.bandwidths))
