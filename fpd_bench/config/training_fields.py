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

    r_init: float = knob(
        0.6, "share of tokens that are masked, the same number in each start; the others are random codes", within=SHARE
    )
    codes: str = knob(
        "uniform",
        "law of the random codes, estimated once for each track: uniform; unigram, as frequent as in real "
        "images; background, the codes of an empty patch (where a track names none, the code that the teacher "
        "likes best); or teacher, the mean of its predictions when all tokens are masked, which needs no data",
        choices=LAWS,
        before="uniform",
    )
    masks: str = knob(
        "exact",
        "whether r_init is the share of masked tokens in each start (exact), or the probability with which "
        "each token is masked (independent, as in ReDi)",
        choices=("exact", "independent"),
        before="exact",
    )
    temperature: float = knob(
        0.3, "the student's logits are divided by it, for draft, estimator and one-step sample alike", within=POSITIVE
    )
    embedding_noise: float = knob(
        0.0, "sigma of Gaussian noise on the embeddings of z_init: sigma N(0, 1) + sqrt(1 - sigma^2) e", within=DECAY
    )
    sampling: str = knob(
        "categorical",
        "how a code is drawn: by one uniform number for each token, by Gumbel noise for each code (the same "
        "law), or always the likeliest code",
        choices=SAMPLING,
    )
    top_k: int = knob(0, "number of likeliest codes to draw from; 0 = all codes", within=NOT_NEGATIVE, when=DRAWN)
    top_p: float = knob(
        1.0, "draw from the fewest codes that hold this much probability; 1 = all codes", within=SHARE, when=DRAWN
    )


@dataclass
class RefineConfig:
    """T_r of Eq. 5: how the draft is damaged (ratio r ~ pi) and how the frozen teacher repairs it in one call."""

    ratio: str = knob(
        "arccos",
        "law pi of the share of hidden tokens: the teacher's training schedule, MaskGIT's cosine, or uniform "
        "on [refine.low, refine.high]",
        choices=("arccos", "cosine", "uniform"),
    )
    low: float = knob(0.1, "smallest share of hidden tokens", within=SHARE, when=UNIFORM)
    high: float = knob(
        0.6, "largest share of hidden tokens; if it equals refine.low, the share is fixed", within=SHARE, when=UNIFORM
    )
    guidance: float = knob(
        1.0, "w in the guided logits c + w (c - u); 0 = no classifier-free guidance", within=NOT_NEGATIVE
    )
    temperature: float = knob(
        0.3, "temperature of the teacher's categorical sample; 0 = always the likeliest code", within=NOT_NEGATIVE
    )
    sampling: str = knob(
        "gumbel",
        "how the teacher's codes are drawn: by Gumbel noise for each code, or by one number for each token "
        "(the same law; at the paper's sizes it saves a second of CPU in each step); Di[M]O draws its "
        "student's drafts in the same way",
        choices=("gumbel", "categorical"),
    )
    confident: float = knob(
        1.0,
        "share of the hidden tokens that take the teacher's codes, those of which it is surest; the other "
        "hidden tokens keep the draft's (Sec. 3.1)",
        within=SHARE,
    )


@dataclass
class GanConfig:
    """The optional adversarial term (Sec. 3.4); weight 0 switches it off."""

    weight: float = knob(0.0, "lambda in the loss L_drift + lambda L_gan", within=NOT_NEGATIVE)
    discriminator: str = knob(
        "light",
        "the discriminator: on the track's own backbone (light), or the projected one of StyleGAN-XL, "
        "with DeiT-B and EfficientNet-Lite0",
        choices=("light", "projected"),
        when=WITH_GAN,
    )
    lr: float = knob(1e-3, "learning rate of the discriminator", within=POSITIVE, when=WITH_GAN)
    blur_sigma: float = knob(
        1.0,
        "width of the blur on the images that the discriminator sees, which fades to 0",
        unit="px",
        within=NOT_NEGATIVE,
        when=WITH_GAN,
    )
    blur_fraction: float = knob(0.3, "share of the training in which the blur fades", within=FRACTION, when=BLURRED)
    updates: int = knob(1, "updates of the discriminator in each step of the student", within=COUNT, when=WITH_GAN)


@dataclass
class DimoConfig:
    """Di[M]O's own settings (Zhu et al. 2025); `dimo.preset=official` has the published ones, start and optim, too."""

    aux_lr: float = knob(2e-4, "learning rate of the auxiliary network", within=POSITIVE)
    jeffreys_beta: float = knob(
        0.0, "beta in the loss (1 - beta) forward KL + beta reverse KL; the authors also use values below 0"
    )
    label_smoothing: float = knob(
        -1.0,
        "label smoothing in the auxiliary network's cross-entropy; -1 = as the track's teacher was trained "
        "(0.1 on maskgen and maskgit, 0 on shapes), so that equal laws give equal networks",
        within=Range("in [0, 1), or -1 for the teacher's own", lambda x: 0 <= x < 1 or x == -1),
        before=-1.0,
    )
    fixed_embeddings: bool = knob(
        False,
        "whether student and auxiliary network keep the teacher's token and position embeddings untrained",
        before=False,
    )


@dataclass
class OptimConfig:
    """The training loop, the same for every method."""

    steps: int = knob(1000, "updates of the student", within=COUNT)
    batch: int = knob(64, "drafts in each step = prompts x samples_per_condition", within=COUNT)
    samples_per_condition: int = knob(
        16,
        "drafts of each prompt in a step; the drift is computed among the drafts of a prompt; 1 = among the "
        "whole batch",
        within=COUNT,
    )
    lr: float = knob(5e-4, "learning rate of AdamW", within=POSITIVE)
    warmup: int = knob(50, "length of the learning rate's linear warm-up", unit="steps", within=NOT_NEGATIVE)
    schedule: str = knob(
        "cosine",
        "learning rate after the warm-up: constant, or falling along a cosine to a twentieth",
        choices=("constant", "cosine"),
    )
    weight_decay: float = knob(0.0, "weight decay of AdamW", within=NOT_NEGATIVE)
    betas: list[float] = knob([0.9, 0.99], "the two beta values of AdamW", within=DECAY, length=exactly(2))
    clip: float = knob(1.0, "largest gradient norm; 0 = gradients are not clipped", within=NOT_NEGATIVE)
    ema: float = knob(0.99, "decay of the averaged student", within=DECAY)
    precision: str = knob(
        "fp32",
        "number format of the networks in training (autocast); weights, losses, the drift and all evaluation "
        "stay float32",
        choices=("fp32", "bf16"),
    )
