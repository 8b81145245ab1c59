"""What a run is: semantic fields decide the numbers (and the run id), execution fields do not.

Every default here is the embedded (laptop) default of fpd-bench; `sweeps/*.yaml` and `profile=paper` override them.
Lists that are sets (bandwidths, blocks) are sorted and deduplicated, so their order never makes a new run.
"""

from dataclasses import dataclass, field


@dataclass
class TrackConfig:
    """The bench: teacher, tokenizer, prompts and detector. `preset` picks a size of the same world."""

    name: str = "shapes"
    preset: str = "default"


@dataclass
class StartConfig:
    """z_init, Eq. 4: round(r_init * L) masked positions, the others uniform random codes, fresh at every call."""

    r_init: float = 0.6
    temperature: float = 0.3  # > 0, divides the student's logits: for the draft, the estimator and one-step sampling
    # sigma of Gaussian noise on the embeddings of z_init, in training and sampling: sigma N(0, 1) + sqrt(1 - sigma^2) e
    embedding_noise: float = field(default=0.0, metadata={"since": 5, "before": 0.0})
    # how a code is drawn, in training and sampling: categorical | gumbel (the same law, noise per code) | argmax
    sampling: str = field(default="categorical", metadata={"since": 5, "before": "categorical"})
    # draw from the likeliest codes only: that many (0 = all), and the fewest that hold this much probability (1 = all)
    top_k: int = field(default=0, metadata={"since": 5, "before": 0})
    top_p: float = field(default=1.0, metadata={"since": 5, "before": 1.0})


@dataclass
class RefineConfig:
    """T_r of Eq. 5: how the draft is damaged (ratio r ~ pi) and how the frozen teacher repairs it in one call."""

    ratio: str = "arccos"  # arccos | cosine | uniform: the law pi; uniform draws from [low, high], low = high is fixed
    low: float = 0.1
    high: float = 0.6
    guidance: float = 1.0  # w of c + w (c - u); 0 = no classifier-free guidance
    temperature: float = 0.3  # of the categorical sample; 0 = argmax
    # how the teacher's codes are drawn: gumbel (noise per code) | categorical (the same law, one number a token: at
    # the paper's K that saves a second of CPU a step); Di[M]O draws its student's drafts alike
    sampling: str = field(default="gumbel", metadata={"since": 5, "before": "gumbel"})
    # share of the hidden tokens that take the teacher's, the likeliest of them; the others keep the draft's (Sec. 3.1)
    confident: float = field(default=1.0, metadata={"since": 5, "before": 1.0})


@dataclass
class DriftConfig:
    """Eq. 6-7. `positives`, `negatives`, `normalise` name the readings of Eq. 6 that docs/dynamics.md compares."""

    space: str = "feature"  # feature | pixel
    # any timm model as Phi, its stages or blocks named by `blocks`; "" = the track's own
    backbone: str = field(default="", metadata={"since": 2, "before": ""})
    blocks: list[int] = field(default_factory=lambda: [0, 1, 2, 3])  # backbone stages (sorted set); [] for pixel
    grid: int = 4  # patch grid G x G per block; 0 = one globally pooled vector
    bandwidths: list[float] = field(default_factory=lambda: [0.5, 1.0, 2.0])  # sorted set, > 0
    positives: str = "all"  # all | others | own | condition (compared with the whole batch, pulled within a prompt)
    negatives: str = "roll"  # roll (literal Eq. 6, self included) | self_masked
    normalise: str = "joint"  # joint | separate | row_only | sinkhorn
    floor: float = 0.0  # on the affinity; 1e-6 = the published Drifting code
    repulsion: float = 1.0  # weight of the repulsive half of Eq. 6; 0 = attraction only
    samples_per_condition: int = 16  # drafts per prompt; the drift is computed within a prompt (1 = whole batch)
    # k > 0, with roll: sample i is pushed from X_i+1 ... X_i+k only; 0 = from all
    shifts: int = field(default=0, metadata={"since": 2, "before": 0})
    # the distance that counts as 1, a mean: layer | position | running (over steps) | none
    scale: str = field(default="layer", metadata={"since": 2, "before": "layer"})
    # Z_h of Eq. 7, an RMS: layer | position | running (over steps) | none
    equalise: str = field(default="layer", metadata={"since": 2, "before": "layer"})
    # of each block, in ascending order, in the sum of losses (of the image for pixel); [] = 1 each
    layer_weights: list[float] = field(default_factory=list, metadata={"since": 2, "before": []})
    # how the blocks' losses are put together: sum | mean (a weighted one with layer_weights)
    layers: str = field(default="sum", metadata={"since": 5, "before": "sum"})
    # of a squared distance over the D dimensions of a feature: mean | sum (times D, so wide blocks weigh more)
    norm: str = field(default="mean", metadata={"since": 5, "before": "mean"})
    # a loss for each bandwidth, or one on the sum of the equalised fields, of the same gradient: losses | fields
    combine: str = field(default="losses", metadata={"since": 5, "before": "losses"})
    # drafts of earlier steps, the last so many, that repel as well, whatever their prompt; 0 = none
    memory: int = field(default=0, metadata={"since": 5, "before": 0})
    # side in px to which images are resized for Phi; 0 = the backbone's own size
    resize: int = field(default=0, metadata={"since": 5, "before": 0})
    # transformers only: their last norm on every block; their class token, a position of its own: none | only | also
    last_norm: bool = field(default=False, metadata={"since": 5, "before": False})
    cls: str = field(default="none", metadata={"since": 5, "before": "none"})

    def __post_init__(self) -> None:
        self.blocks = sorted(set(self.blocks))
        self.bandwidths = sorted(set(self.bandwidths))


@dataclass
class GanConfig:
    """The optional adversarial term (Sec. 3.4); weight 0 switches it off."""

    weight: float = 0.0  # lambda of L_drift + lambda L_gan
    # light: on the track's own Phi | projected: StyleGAN-XL's, with DeiT-B and EfficientNet-Lite0
    discriminator: str = field(default="light", metadata={"since": 2, "before": "light"})
    lr: float = 1e-3
    blur_sigma: float = 1.0  # in px, decays linearly to 0 over blur_fraction of training
    blur_fraction: float = 0.3
    updates: int = field(default=1, metadata={"since": 5, "before": 1})  # of the discriminator in a step of the student


@dataclass
class DimoConfig:
    """Di[M]O's own settings (facts/methods.md 10.1)."""

    aux_lr: float = 2e-4
    jeffreys_beta: float = 0.0


@dataclass
class OptimConfig:
    """The training loop, the same for every method."""

    steps: int = 1000
    batch: int = 64  # drafts per step = prompts x samples_per_condition
    lr: float = 5e-4
    warmup: int = 50
    schedule: str = "cosine"  # constant | cosine
    weight_decay: float = 0.0
    betas: list[float] = field(default_factory=lambda: [0.9, 0.99])
    clip: float = 1.0  # gradient norm; 0 = off
    ema: float = 0.99
    # fp32 | bf16: of the networks in training (autocast); weights, losses, the drift and all evaluation stay float32
    precision: str = field(default="fp32", metadata={"since": 3, "before": "fp32"})


@dataclass
class EvaluationConfig:
    """One-step samples for every prompt of the split, with noise keyed by (seed, suite, item, replicate)."""

    split: str = "test"  # test | validation
    images_per_prompt: int = 4
    weights: str = "ema"  # ema | raw
    teacher_steps: int = 16  # steps of the teacher's sampler; teacher_* are read by method=teacher only
    # its guidance, in the repository's own convention; -1 = as published
    teacher_guidance: float = field(default=-1.0, metadata={"since": 2, "before": -1.0})
    # whether the guidance grows over the steps, as published, or is constant
    teacher_ramp: bool = field(default=True, metadata={"since": 2, "before": True})
    # of the Gumbel noise that fades over the steps; -1 = as published
    teacher_noise: float = field(default=-1.0, metadata={"since": 2, "before": -1.0})
    # how many tokens each step reveals: arccos | cosine | linear | root | square; "" = as published
    teacher_schedule: str = field(default="", metadata={"since": 2, "before": ""})
    # a preset of evals/fidelity: FID and its kin against the track's real images, too; "" = what the track measures
    fidelity: str = field(default="", metadata={"since": 2, "before": ""})


@dataclass
class GeneratorConfig:
    """Images of a model that is not trained here; read by method=folder (`source` only) and method=diffusers."""

    # a folder of images; a pipeline's hub name or folder
    source: str = field(default="", metadata={"since": 2, "before": ""})
    # of the pipeline's sampler; 0 = its own default
    steps: int = field(default=0, metadata={"since": 2, "before": 0})
    # classifier-free guidance; -1 = the pipeline's own default
    guidance: float = field(default=-1.0, metadata={"since": 2, "before": -1.0})
    dtype: str = field(default="float32", metadata={"since": 2, "before": "float32"})  # float32 | float16 | bfloat16
    # a scheduler class of diffusers, made from the pipeline's configuration; "" = the pipeline's own
    scheduler: str = field(default="", metadata={"since": 2, "before": ""})
    # the sampler's own timesteps, for few-step students; [] = by `steps`
    timesteps: list[int] = field(default_factory=list, metadata={"since": 2, "before": []})
    # of the first latents, times their standard normal; 0 = the scheduler's own
    noise_scale: float = field(default=0.0, metadata={"since": 4, "before": 0.0})
    # another UNet for the pipeline: REPOSITORY, REPOSITORY/FILE, or a path; "" = its own
    unet: str = field(default="", metadata={"since": 2, "before": ""})
    # low-rank weights to add to the pipeline's: REPOSITORY/FILE or a path; "" = none
    lora: str = field(default="", metadata={"since": 3, "before": ""})
    variant: str = field(default="", metadata={"since": 2, "before": ""})  # of the weights' files, for example fp16
    # a pipeline of diffusers' community or a path: its code is run; "" = a class of diffusers
    custom_pipeline: str = field(default="", metadata={"since": 2, "before": ""})
    size: int = field(default=0, metadata={"since": 2, "before": 0})  # side in px; 0 = the pipeline's own


@dataclass
class ExecutionConfig:
    """How and where, never what: these fields are not part of the run id."""

    device: str = "cpu"
    threads: int = 1
    processes: int = 1  # of this machine that train one run together; torchrun and srun bring their own number
    micro_batch: int = 0  # 0 = whole batch at once; smaller = gradient accumulation with the same maths
    activation_checkpointing: bool = False  # keep the inputs of blocks only, compute their insides twice
    compile: bool = False  # the networks of the training, by torch.compile; rounding differs as between machines
    log_every: int = 20
    grid_every: int = 200  # 0 = no pictures
    checkpoint_every: int = 200  # 0 = only at the end and when stopped


@dataclass
class RunConfig:
    """One run. `semantic()` in identity.py says which part is hashed into its run id."""

    track: TrackConfig = field(default_factory=TrackConfig)
    method: str = "fpd"
    estimator: str = "ste"
    draft: str = "student"
    seed: int = 0
    start: StartConfig = field(default_factory=StartConfig)
    refine: RefineConfig = field(default_factory=RefineConfig)
    drift: DriftConfig = field(default_factory=DriftConfig)
    gan: GanConfig = field(default_factory=GanConfig)
    dimo: DimoConfig = field(default_factory=DimoConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)
