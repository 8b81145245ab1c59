"""What is sampled and scored: students, teachers, and models that are not trained here."""

from dataclasses import dataclass

from fpd_bench.config.knobs import COUNT, NOT_NEGATIVE, knob, or_minus_one

DTYPES = ("float32", "float16", "bfloat16")


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
