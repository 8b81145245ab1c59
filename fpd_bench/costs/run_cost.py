"""What one run will cost on a named GPU: memory, seconds of a step, GPU-hours.

Counted FLOPs (step.py, for a pipeline of diffusers pipeline_cost.py) over the card's published dense peak times the
utilisation, which is an assumption that the user can change; on top of that, noise drawn on the CPU. Memory is that of
float32 tensors, an upper limit for bf16. torch is imported only when something is counted.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fpd_bench import registry
from fpd_bench.assets.environment import existing_weights_folder
from fpd_bench.config.identity import generated, trains
from fpd_bench.config.schema import RunConfig
from fpd_bench.costs.gpu_choice import Gpu, PlanRequest
from fpd_bench.errors import ConfigError

if TYPE_CHECKING:
    from fpd_bench.costs.meter import Share
    from fpd_bench.costs.step import StepCost


OVERHEAD_GB = 2.5  # CUDA's context, libraries, workspaces, fragmentation
NUMBER_SECONDS = 16e-9  # of a core for one exponential number; benchmarks/plan_check.py measures it
EVALUATION = "its evaluation takes that much, whatever the micro-batch"


@dataclass(frozen=True)
class RunCost:
    """Of one run. Where it does not fit the card as it is, but with a smaller micro-batch, seconds and hours are those
    with it. reason: why it is not estimated, "" if it is."""

    memory_gb: float = 0  # of each card, as the run is
    steps: int = 0
    seconds: float = 0  # of a step
    noise_seconds: float = 0  # of those, the CPU's
    training_hours: float = 0  # of all cards that it holds
    evaluation_hours: float = 0
    micro_batch: int = 0  # the largest that fits; the run's own if that does, 0 if nothing does
    micro_gb: float = 0  # memory with it
    fits: bool = True
    advice: str = "no micro-batch fits"  # if none does
    flops: Mapping[str, float] = field(default_factory=dict)  # {part: of a step}
    shares: "Mapping[str, Share]" = field(default_factory=dict)  # {network: its part in an image of evaluation}
    reason: str = ""

    @property
    def image_flops(self) -> float:
        """Return the FLOPs of an image in evaluation."""
        return sum(share.flops for share in self.shares.values())


def estimate(config: RunConfig, gpu: Gpu, asked: PlanRequest) -> RunCost:
    """Estimate the memory of each card and time of one run, which holds execution.processes cards all the time."""
    of = _cost_of_training if trains(config) else _cost_of_teacher
    if generated(config):
        of = _cost_of_pipeline if _draws_images_here(config) else _cost_of_folder
    try:
        return of(config, gpu, asked)
    except ConfigError as error:  # a file that is missing, or is something else
        return RunCost(reason=" ".join(str(error).split()))


def _draws_images_here(config: RunConfig) -> bool:
    """Say whether a pipeline draws the images here; images of a folder are there already."""
    return bool(registry.generators.declaration(config.method).draws)


def _cost_of_folder(config: RunConfig, gpu: Gpu, asked: PlanRequest) -> RunCost:
    memory = OVERHEAD_GB + _scorers_gb(config)
    hours = _evaluation_hours(config, {}, gpu, asked)
    return RunCost(memory, evaluation_hours=hours, fits=memory <= gpu.memory_gb, advice=EVALUATION)


def _cost_of_pipeline(config: RunConfig, gpu: Gpu, asked: PlanRequest) -> RunCost:
    from fpd_bench.costs.pipeline_cost import pipeline_cost
    from fpd_bench.generators.pipelines import BATCH

    image = pipeline_cost(config.generator)
    batch = config.execution.micro_batch or BATCH

    def memory_of(images: int) -> float:
        return (image.fixed + images * image.per_image) / 1e9 + OVERHEAD_GB + _scorers_gb(config)

    largest = _largest_fitting(range(batch, 0, -1), memory_of, gpu)
    return RunCost(
        memory_of(batch),
        evaluation_hours=_evaluation_hours(config, image.shares, gpu, asked),
        micro_batch=largest,
        micro_gb=memory_of(largest),
        fits=largest == batch,
        shares=image.shares,
    )


def _cost_of_teacher(config: RunConfig, gpu: Gpu, asked: PlanRequest) -> RunCost:
    from fpd_bench.costs.step import step_cost

    cost = step_cost(config, existing_weights_folder())
    memory, hours = _sampling_gb(config, cost), _evaluation_hours(config, cost.shares, gpu, asked)
    fits = memory <= gpu.memory_gb
    return RunCost(memory, evaluation_hours=hours, fits=fits, advice=EVALUATION, shares=cost.shares)


def _cost_of_training(config: RunConfig, gpu: Gpu, asked: PlanRequest) -> RunCost:
    from fpd_bench.costs.step import step_cost

    cost, execution = step_cost(config, existing_weights_folder()), config.execution
    cards, batch = execution.processes, config.optim.batch // execution.processes  # of one card
    micro, sampling = min(execution.micro_batch or batch, batch), _sampling_gb(config, cost)

    def memory_of(images: int) -> float:
        return max(cost.training.bytes_for(batch, images) / 1e9 + OVERHEAD_GB, sampling)

    largest = _largest_fitting([n for n in range(micro, 0, -1) if batch % n == 0 or n == micro], memory_of, gpu)
    if 0 < largest < micro:
        cost = step_cost(replace(config, execution=replace(execution, micro_batch=largest)), existing_weights_folder())
    noise = cost.noise * NUMBER_SECONDS  # every rank draws all of it
    seconds = cost.total / flops_per_second(gpu, asked, precision_of(config)) / cards + noise
    return RunCost(
        memory_of(micro),
        steps=config.optim.steps,
        seconds=seconds,
        noise_seconds=noise,
        training_hours=cards * seconds * config.optim.steps / 3600,
        evaluation_hours=_evaluation_hours(config, cost.shares, gpu, asked),
        micro_batch=largest,
        micro_gb=memory_of(largest),
        fits=largest == micro,
        advice=_advice(config) if sampling <= gpu.memory_gb else EVALUATION,
        flops=cost.flops,
        shares=cost.shares,
    )


def _advice(config: RunConfig) -> str:
    """Advise what to do where no micro-batch makes a training fit."""
    more = "" if config.execution.activation_checkpointing else ", try execution.activation_checkpointing=true"
    return f"no micro-batch fits{more}"


def _sampling_gb(config: RunConfig, cost: "StepCost") -> float:
    return cost.sampling / 1e9 + OVERHEAD_GB + _scorers_gb(config)


def _scorers_gb(config: RunConfig) -> float:
    scoring = registry.tracks.declaration(config.track.name).scoring
    return scoring.size / 1e9 if scoring else 0


def _evaluation_hours(config: RunConfig, shares: "Mapping[str, Share]", gpu: Gpu, asked: PlanRequest) -> float:
    """Return the hours of images and their scores, made by one card while a run's others wait
    (docs/adr/0007-several-processes.md).
    """
    drawn = sum(share.flops / flops_per_second(gpu, asked, share.precision) for share in shares.values())
    scoring = registry.tracks.declaration(config.track.name).scoring
    scored = scoring.flops / flops_per_second(gpu, asked, "fp32") if scoring else 0
    images = _count_items(config) * config.evaluation.images_per_prompt
    return config.execution.processes * images * (drawn + scored) / 3600


def _count_items(config: RunConfig) -> int:
    track, split = config.track, config.evaluation.split
    declared: int | None = registry.tracks.declaration(track.name).items.get(split)
    if declared is not None:
        return declared
    from fpd_bench.costs.step import count_items

    return count_items(track.name, track.preset, split)


def precision_of(config: RunConfig) -> str:
    """Return the precision of the matrix products of the run's training, or of most of its pipeline."""
    if generated(config) and _draws_images_here(config):
        return "fp32" if config.generator.dtype == "float32" else "bf16"
    return config.optim.precision if trains(config) else "fp32"


def flops_per_second(gpu: Gpu, asked: PlanRequest, precision: str) -> float:
    """Return the FLOP/s that a run is expected to reach."""
    rate: float = 1e12 * asked.utilisation * getattr(gpu, asked.precision or precision)
    return rate


def _largest_fitting(sizes: Iterable[int], memory_of: Callable[[int], float], gpu: Gpu) -> int:
    """Return the first of the descending sizes that fits; 0 if none does."""
    return next((n for n in sizes if memory_of(n) <= gpu.memory_gb), 0)
