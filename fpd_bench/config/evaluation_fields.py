"""What is sampled and scored: students, teachers, and models that are not trained here."""

from dataclasses import dataclass

from fpd_bench.config.knobs import COUNT, NOT_NEGATIVE, knob, or_minus_one

DTYPES = ("float32", "float16", "bfloat16")


@dataclass
class EvaluationConfig:
    """Samples for every prompt of the split, of a student in one step if nothing else is asked for, with noise keyed
    by (seed, suite, item, replicate).
    """

    split: str = knob(
        "test", "prompts that are scored; use `validation` for any tuning", choices=("test", "validation")
    )
    images_per_prompt: int = knob(4, "images of each prompt", within=COUNT)
    weights: str = knob(
        "ema",
        "the student's weights: averaged over the training (ema), or as after the last step (raw)",
        choices=("ema", "raw"),
    )
    student_steps: int = knob(
        1,
        "sampling steps of the student; in several steps it is sampled by the teacher's sampler, which begins "
        "at z_init, may change every token, and uses start.temperature",
        within=COUNT,
        before=1,
    )
    student_guidance: float = knob(
        0.0,
        "w in the student's guided logits c + w (c - u); in several steps it grows to that value as the teacher's does",
        within=NOT_NEGATIVE,
        before=0.0,
    )
    teacher_steps: int = knob(16, "sampling steps of the teacher", within=COUNT)
    teacher_guidance: float = knob(
        -1.0,
        "guidance of the teacher's sampler, in the convention of its published code",
        within=or_minus_one("the published value"),
    )
    teacher_ramp: bool = knob(True, "whether the teacher's guidance grows over the steps, as published, or is constant")
    teacher_noise: float = knob(
        -1.0,
        "size of the Gumbel noise in the teacher's sampler, which fades over the steps",
        within=or_minus_one("the published value"),
    )
    teacher_schedule: str = knob(
        "",
        "schedule by which the teacher's steps reveal tokens; '' = the published one",
        choices=("", "arccos", "cosine", "linear", "root", "square"),
    )
    fidelity: str = knob(
        "",
        "preset of evals/fidelity by which FID and similar metrics are measured against real images as well; "
        "'' = only what the track measures",
        choices=("", "adm", "lite0"),
    )


@dataclass
class GeneratorConfig:
    """Images of a model that is not trained here."""

    source: str = knob("", "where the images come from: a folder of images, or a pipeline's hub name or folder")
    steps: int = knob(0, "steps of the pipeline's sampler; 0 = the pipeline's own default", within=NOT_NEGATIVE)
    guidance: float = knob(-1.0, "classifier-free guidance of the pipeline", within=or_minus_one("the pipeline's own"))
    dtype: str = knob("float32", "number format of the pipeline's weights", choices=DTYPES)
    scheduler: str = knob(
        "", "scheduler class of diffusers, made from the pipeline's configuration; '' = the pipeline's own"
    )
    timesteps: list[int] = knob(
        [], "timesteps of the sampler, for few-step students; [] = as many as generator.steps, chosen by the scheduler"
    )
    noise_scale: float = knob(
        0.0, "scale of the first latents' standard normal noise; 0 = the scheduler's own", within=NOT_NEGATIVE
    )
    unet: str = knob("", "another UNet: REPOSITORY, REPOSITORY/FILE, or a path; '' = the pipeline's own")
    lora: str = knob("", "low-rank weights to add: REPOSITORY/FILE or a path; '' = none")
    variant: str = knob("", "variant of the weight files, for example fp16")
    custom_pipeline: str = knob(
        "", "a community pipeline of diffusers, or a path; its code is run; '' = a pipeline of diffusers itself"
    )
    size: int = knob(0, "side of the images; 0 = the pipeline's own", unit="px", within=NOT_NEGATIVE)
