"""What a run is. Each field carries its meaning, unit, choices and range (knobs.py); docs/fields.md lists them all.

Every default here is the embedded (laptop) default of fpd-bench; `sweeps/*.yaml` and `profile=paper` override them.
Lists that are sets (bandwidths, blocks) are sorted and deduplicated, so their order never makes a new run.
"""

from dataclasses import dataclass, field
from typing import Any

from fpd_bench.config.knobs import (
    COUNT,
    DECAY,
    FRACTION,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    Range,
    When,
    exactly,
    knob,
    or_minus_one,
    span,
)

LAWS = ("uniform", "unigram", "background", "teacher")
SAMPLING = ("categorical", "gumbel", "argmax")
DTYPES = ("float32", "float16", "bfloat16")
AVERAGES = ("layer", "position", "running", "none")
MOST_SEED = 2**63 - 1  # what the index stores as a whole number

WITH_GAN = When("gan.weight is not 0", lambda run: run.gan.weight > 0)
BLURRED = When("gan.weight and gan.blur_sigma are not 0", lambda run: run.gan.weight > 0 and run.gan.blur_sigma > 0)
DRAWN = When("start.sampling is not argmax", lambda run: run.start.sampling != "argmax")
UNIFORM = When("refine.ratio=uniform", lambda run: run.refine.ratio == "uniform")
ROLLED = When("drift.negatives=roll", lambda run: run.drift.negatives == "roll")


@dataclass
class TrackConfig:
    """The bench: teacher, tokenizer, prompts and detector."""

    name: str = knob("shapes", "the bench, of registry `tracks`")
    preset: str = knob("default", "a size or a world of the bench; `default` is another name of one of them")


@dataclass
class StartConfig:
    """z_init, Eq. 4: round(r_init L) masked positions, the others random codes, fresh at every call.

    Holds in training, in pictures and in every later sample of the student.
    """

    r_init: float = knob(0.6, "share of masked tokens, exact; the others are random codes", within=SHARE)
    codes: str = knob(
        "uniform",
        "the law of those codes, estimated once a track: uniform, as frequent as in real images, the codes of an empty "
        "patch (where a track names none, the one that the teacher likes best), or the teacher's own mean marginal "
        "when all is masked, which needs no data",
        choices=LAWS,
        before="uniform",
    )
    masks: str = knob(
        "exact",
        "whether r_init is the share of each start's tokens that are masked, or each token's chance (ReDi)",
        choices=("exact", "independent"),
        before="exact",
    )
    temperature: float = knob(
        0.3, "divides the student's logits, for draft, estimator and one-step sample alike", within=POSITIVE
    )
    embedding_noise: float = knob(
        0.0, "sigma of Gaussian noise on the embeddings of z_init: sigma N(0, 1) + sqrt(1 - sigma^2) e", within=DECAY
    )
    sampling: str = knob(
        "categorical",
        "how a code is drawn: one uniform number a token, Gumbel noise for each of its codes (the same law), or the "
        "likeliest",
        choices=SAMPLING,
    )
    top_k: int = knob(0, "draw from so many of the likeliest codes; 0 = all", within=NOT_NEGATIVE, when=DRAWN)
    top_p: float = knob(
        1.0, "draw from the fewest codes that hold this much probability; 1 = all", within=SHARE, when=DRAWN
    )


@dataclass
class RefineConfig:
    """T_r of Eq. 5: how the draft is damaged (ratio r ~ pi) and how the frozen teacher repairs it in one call."""

    ratio: str = knob(
        "arccos",
        "the law pi of the share that is hidden: the teacher's training schedule, MaskGIT's cosine, or uniform on "
        "[refine.low, refine.high]",
        choices=("arccos", "cosine", "uniform"),
    )
    low: float = knob(0.1, "least share", within=SHARE, when=UNIFORM)
    high: float = knob(0.6, "largest share; equal to refine.low, it is fixed", within=SHARE, when=UNIFORM)
    guidance: float = knob(1.0, "w of c + w (c - u); 0 = no classifier-free guidance", within=NOT_NEGATIVE)
    temperature: float = knob(0.3, "of the teacher's categorical sample; 0 = argmax", within=NOT_NEGATIVE)
    sampling: str = knob(
        "gumbel",
        "how the teacher's codes are drawn: Gumbel noise for each code, or one number a token (the same law; at the "
        "paper's sizes a second of CPU less a step); Di[M]O draws its student's drafts alike",
        choices=("gumbel", "categorical"),
    )
    confident: float = knob(
        1.0,
        "share of the hidden tokens that take the teacher's, those it is surest of; the others keep the draft's "
        "(Sec. 3.1)",
        within=SHARE,
    )


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


@dataclass
class GanConfig:
    """The optional adversarial term (Sec. 3.4); weight 0 switches it off."""

    weight: float = knob(0.0, "lambda of L_drift + lambda L_gan", within=NOT_NEGATIVE)
    discriminator: str = knob(
        "light",
        "on the track's own Phi, or StyleGAN-XL's projected one, with DeiT-B and EfficientNet-Lite0",
        choices=("light", "projected"),
        when=WITH_GAN,
    )
    lr: float = knob(1e-3, "learning rate of the discriminator", within=POSITIVE, when=WITH_GAN)
    blur_sigma: float = knob(
        1.0, "width of the blur on what it sees, which fades to 0", unit="px", within=NOT_NEGATIVE, when=WITH_GAN
    )
    blur_fraction: float = knob(0.3, "share of the training in which it fades", within=FRACTION, when=BLURRED)
    updates: int = knob(1, "of the discriminator in a step of the student", within=COUNT, when=WITH_GAN)


@dataclass
class DimoConfig:
    """Di[M]O's own settings (Zhu et al. 2025); `dimo.preset=official` has the published ones, start and optim, too."""

    aux_lr: float = knob(2e-4, "learning rate of the auxiliary network", within=POSITIVE)
    jeffreys_beta: float = knob(0.0, "(1 - beta) forward KL + beta reverse KL; the authors also use values below 0")
    label_smoothing: float = knob(
        -1.0,
        "of the auxiliary's cross-entropy; -1 = as the track's teacher was trained (.1 on maskgen and maskgit, 0 on "
        "shapes), so that equal laws give equal networks",
        within=Range("in [0, 1), or -1 for the teacher's own", lambda x: 0 <= x < 1 or x == -1),
        before=-1.0,
    )
    fixed_embeddings: bool = knob(
        False, "token and position embeddings of student and auxiliary stay the teacher's", before=False
    )


@dataclass
class OptimConfig:
    """The training loop, the same for every method."""

    steps: int = knob(1000, "updates of the student", within=COUNT)
    batch: int = knob(64, "drafts a step = prompts x samples_per_condition", within=COUNT)
    samples_per_condition: int = knob(
        16,
        "drafts of a prompt in a step; the drift is computed within a prompt; 1 = over the whole batch",
        within=COUNT,
    )
    lr: float = knob(5e-4, "learning rate of AdamW", within=POSITIVE)
    warmup: int = knob(50, "of the learning rate, linear", unit="steps", within=NOT_NEGATIVE)
    schedule: str = knob(
        "cosine", "after the warm-up: constant, or down to a twentieth", choices=("constant", "cosine")
    )
    weight_decay: float = knob(0.0, "of AdamW", within=NOT_NEGATIVE)
    betas: list[float] = knob([0.9, 0.99], "of AdamW", within=DECAY, length=exactly(2))
    clip: float = knob(1.0, "largest gradient norm; 0 = off", within=NOT_NEGATIVE)
    ema: float = knob(0.99, "decay of the averaged student", within=DECAY)
    precision: str = knob(
        "fp32",
        "of the networks in training (autocast); weights, losses, the drift and all evaluation stay float32",
        choices=("fp32", "bf16"),
    )


@dataclass
class EvaluationConfig:
    """Samples for every prompt of the split, of a student in one step if nothing else is asked for, with noise keyed
    by (seed, suite, item, replicate).
    """

    split: str = knob("test", "prompts that are scored; tune on `validation` only", choices=("test", "validation"))
    images_per_prompt: int = knob(4, "replicates of each prompt", within=COUNT)
    weights: str = knob("ema", "of the student: averaged, or as after the last step", choices=("ema", "raw"))
    student_steps: int = knob(
        1,
        "steps of the student; in several it draws by the teacher's sampler, begun at z_init with all tokens open, at "
        "start.temperature",
        within=COUNT,
        before=1,
    )
    student_guidance: float = knob(
        0.0,
        "w of c + w (c - u) for the student; in several steps it grows to that as the teacher's does",
        within=NOT_NEGATIVE,
        before=0.0,
    )
    teacher_steps: int = knob(16, "steps of the teacher's sampler", within=COUNT)
    teacher_guidance: float = knob(
        -1.0, "its guidance, in the repository's own convention", within=or_minus_one("the published value")
    )
    teacher_ramp: bool = knob(True, "whether the guidance grows over the steps, as published, or is constant")
    teacher_noise: float = knob(
        -1.0, "of the Gumbel noise that fades over the steps", within=or_minus_one("the published value")
    )
    teacher_schedule: str = knob(
        "",
        "how many tokens each step reveals; '' = as published",
        choices=("", "arccos", "cosine", "linear", "root", "square"),
    )
    fidelity: str = knob(
        "",
        "a preset of evals/fidelity: FID and its kin against real images, too; '' = what the track measures",
        choices=("", "adm", "lite0"),
    )


@dataclass
class GeneratorConfig:
    """Images of a model that is not trained here."""

    source: str = knob("", "a folder of images; a pipeline's hub name or folder")
    steps: int = knob(0, "of the pipeline's sampler; 0 = its own default", within=NOT_NEGATIVE)
    guidance: float = knob(-1.0, "classifier-free guidance", within=or_minus_one("the pipeline's own"))
    dtype: str = knob("float32", "of the pipeline's weights", choices=DTYPES)
    scheduler: str = knob("", "a scheduler class of diffusers, made from the pipeline's configuration; '' = its own")
    timesteps: list[int] = knob([], "the sampler's own timesteps, for few-step students; [] = by generator.steps")
    noise_scale: float = knob(
        0.0, "of the first latents, times their standard normal; 0 = the scheduler's own", within=NOT_NEGATIVE
    )
    unet: str = knob("", "another UNet: REPOSITORY, REPOSITORY/FILE, or a path; '' = its own")
    lora: str = knob("", "low-rank weights to add: REPOSITORY/FILE or a path; '' = none")
    variant: str = knob("", "of the weights' files, for example fp16")
    custom_pipeline: str = knob(
        "", "a pipeline of diffusers' community or a path: its code is run; '' = diffusers' own"
    )
    size: int = knob(0, "side of the images; 0 = the pipeline's own", unit="px", within=NOT_NEGATIVE)


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


@dataclass
class RunConfig:
    """One run. identity.py says which fields are hashed into its run id. plugin: {name: settings of its own}."""

    track: TrackConfig = field(default_factory=TrackConfig)
    method: str = knob("fpd", "how the student is trained, of registry `methods`, or where images come from")
    estimator: str = knob("ste", "how gradients pass the codebook, of registry `estimators` (Eq. 8)")
    draft: str = knob("student", "what is damaged and repaired, of registry `drafts` (Table 3b)")
    seed: int = knob(0, "of training and sampling; set by the sweep's `seeds`", within=span(0, MOST_SEED))
    start: StartConfig = field(default_factory=StartConfig)
    refine: RefineConfig = field(default_factory=RefineConfig)
    drift: DriftConfig = field(default_factory=DriftConfig)
    gan: GanConfig = field(default_factory=GanConfig)
    dimo: DimoConfig = field(default_factory=DimoConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)
    plugin: dict[str, Any] = field(default_factory=dict)
