"""What a training is: where drafts start, how they are repaired, the adversarial term, the loop."""

from dataclasses import dataclass

from fpd_bench.config.knobs import COUNT, DECAY, FRACTION, NOT_NEGATIVE, POSITIVE, SHARE, Range, When, exactly, knob

LAWS = ("uniform", "unigram", "background", "teacher")
SAMPLING = ("categorical", "gumbel", "argmax")
WITH_GAN = When("gan.weight is not 0", lambda run: run.gan.weight > 0)
BLURRED = When("gan.weight and gan.blur_sigma are not 0", lambda run: run.gan.weight > 0 and run.gan.blur_sigma > 0)
DRAWN = When("start.sampling is not argmax", lambda run: run.start.sampling != "argmax")
UNIFORM = When("refine.ratio=uniform", lambda run: run.refine.ratio == "uniform")


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
