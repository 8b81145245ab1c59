"""What a sweep will cost on a named GPU: memory and seconds of each cell's steps, GPU-hours of the table.

`plan.gpu=H100 plan.utilisation=0.35` on the command line of a --dry-run. An estimate: counted FLOPs (arithmetic.py)
over the card's published dense peak times the utilisation, which is an assumption that the user can change. Memory is
that of float32 tensors, an upper limit for bf16 (for a pipeline of diffusers: drawing.py). torch is imported only when
something is estimated.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fpd_bench.config.compose import parse
from fpd_bench.config.identity import TEACHER, generated, trains
from fpd_bench.config.schema import RunConfig
from fpd_bench.config.weights import weights_folder
from fpd_bench.errors import AssetError, ConfigError, UnknownName

if TYPE_CHECKING:
    from fpd_bench.runs.drawing import Share


@dataclass(frozen=True)
class Gpu:
    """Memory in GB and dense peaks in TFLOP/s, by what the products are computed in; from the makers' data sheets."""

    memory_gb: float
    fp32: float
    tf32: float
    bf16: float


GPUS = {
    "A100-40GB": Gpu(40, 19.5, 156, 312),
    "A100-80GB": Gpu(80, 19.5, 156, 312),
    "A6000": Gpu(48, 38.7, 77.4, 154.8),
    "H100": Gpu(80, 67, 494, 989),
    "H200": Gpu(141, 67, 494, 989),
    "L40S": Gpu(48, 91.6, 183, 362),
    "RTX4090": Gpu(24, 82.6, 82.6, 165),
}
PRECISIONS = ("fp32", "tf32", "bf16")
UTILISATION = 0.35  # of the peak; public trainings of transformers of this size reach 0.3 to 0.5
OVERHEAD_GB = 2.5  # CUDA's context, libraries, workspaces, fragmentation
SUITE_ITEMS = {"maskgen": 553, "maskgit": 1000}
SCORING = 2 * 313e9  # FLOPs of GenEval's detector for one image (Mask2Former Swin-S, its paper's table: 313 GMAC)
SCORED = ("maskgen",)  # tracks whose images that detector looks at
KNOWN = ("plan.gpu", "plan.utilisation", "plan.precision")


@dataclass(frozen=True)
class Asked:
    """gpu: "" = none named. precision "" = as the run computes."""

    gpu: str = ""
    utilisation: float = UTILISATION
    precision: str = ""


@dataclass(frozen=True)
class Estimate:
    """Of one run. seconds: of a step; hours: of the whole run; reason: why it is not estimated, "" if it is."""

    memory_gb: float = 0
    seconds: float = 0
    training_hours: float = 0
    evaluation_hours: float = 0
    micro_batch: int = 0  # the largest that fits; the run's own if that does, 0 if nothing does
    fits: bool = True
    flops: Mapping[str, float] = field(default_factory=dict)  # {part: of a step}
    shown: float = 0  # FLOPs of an image in evaluation
    shares: "Mapping[str, Share]" = field(default_factory=dict)  # {network of a pipeline: its part in that}
    reason: str = ""


def split_plan(overrides: Iterable[str]) -> tuple[Asked, list[str]]:
    """(plan.gpu=NAME plan.utilisation=X as an Asked, all other overrides). Raises ConfigError, UnknownName."""
    texts = list(overrides)
    mine = [text for text in texts if text.partition("=")[0].partition(".")[0] == "plan"]
    given = {one.key: one.texts[0].partition("=")[2] for one in parse(mine, "the command line")}
    for key in given:
        if key not in KNOWN:
            raise UnknownName("field", key, KNOWN, "the command line")
    gpu, precision = given.get("plan.gpu", ""), given.get("plan.precision", "")
    if gpu and gpu not in GPUS:
        raise UnknownName("plan.gpu", gpu, GPUS)
    if precision and precision not in PRECISIONS:
        raise UnknownName("plan.precision", precision, PRECISIONS)
    share = given.get("plan.utilisation", str(UTILISATION))
    try:
        right = 0 < float(share) <= 1
    except ValueError:
        right = False
    if not right:
        raise ConfigError(f"plan.utilisation must be in (0, 1]; got '{share}'.")
    return Asked(gpu, float(share), precision), [text for text in texts if text not in mine]


def estimate(config: RunConfig, gpu: Gpu, asked: Asked) -> Estimate:
    """Memory of each card and time of one run, which execution.processes cards share."""
    if generated(config):
        return _of_elsewhere(config, gpu, asked)
    from fpd_bench.runs.arithmetic import step_cost

    cost = step_cost(config, _weights())
    if cost is None:
        return Estimate(reason=f"method '{config.method}' is not estimated")
    cards, steps = config.execution.processes, config.optim.steps
    batch = config.optim.batch // cards  # of one card
    micro = min(config.execution.micro_batch or batch, batch)
    drawn = cost.shown / _rate(gpu, asked, "fp32")  # evaluation is always float32
    evaluation = _evaluation_hours(config, drawn, gpu, asked)
    if config.method == TEACHER:
        memory = cost.fixed / 1e9 + OVERHEAD_GB
        fits = memory <= gpu.memory_gb
        return Estimate(memory, evaluation_hours=evaluation, fits=fits, shown=cost.shown)

    def memory_of(images: int) -> float:
        return (cost.fixed + images * cost.per_image + batch * cost.per_draft) / 1e9 + OVERHEAD_GB

    seconds = cost.total / _rate(gpu, asked, precision_of(config)) / cards
    sizes = [n for n in range(micro, 0, -1) if batch % n == 0 or n == micro]
    largest = _largest(sizes, memory_of, gpu)
    return Estimate(
        memory_of(micro),
        seconds,
        cards * seconds * steps / 3600,
        evaluation,
        largest,
        largest == micro,
        cost.flops,
        cost.shown,
    )


def _of_elsewhere(config: RunConfig, gpu: Gpu, asked: Asked) -> Estimate:
    """A run whose images nothing here has trained: read from a folder, or drawn by a pipeline."""
    if config.method == "folder":
        return Estimate(OVERHEAD_GB, evaluation_hours=_evaluation_hours(config, 0, gpu, asked))
    if config.method != "diffusers":
        return Estimate(reason=f"method '{config.method}' is not estimated")
    from fpd_bench.generators.pipelines import BATCH
    from fpd_bench.runs.drawing import drawing

    try:
        image = drawing(config.generator)
    except ConfigError as error:
        return Estimate(reason=f"not estimated: {error}")
    seconds = sum(share.flops / _rate(gpu, asked, share.precision) for share in image.shares.values())
    batch = config.execution.micro_batch or BATCH

    def memory_of(images: int) -> float:
        return (image.fixed + images * image.per_image) / 1e9 + OVERHEAD_GB

    largest = _largest(range(batch, 0, -1), memory_of, gpu)
    return Estimate(
        memory_of(batch),
        evaluation_hours=_evaluation_hours(config, seconds, gpu, asked),
        micro_batch=largest,
        fits=largest == batch,
        shown=sum(share.flops for share in image.shares.values()),
        shares=image.shares,
    )


def _evaluation_hours(config: RunConfig, drawn: float, gpu: Gpu, asked: Asked) -> float:
    """drawn: seconds until an image is there; the detector's come on top."""
    scored = SCORING / _rate(gpu, asked, "fp32") if config.track.name in SCORED else 0
    images = SUITE_ITEMS.get(config.track.name, 0) * config.evaluation.images_per_prompt
    return images * (drawn + scored) / 3600


def _rate(gpu: Gpu, asked: Asked, precision: str) -> float:
    """FLOP/s."""
    rate: float = 1e12 * asked.utilisation * getattr(gpu, asked.precision or precision)
    return rate


def _largest(sizes: Iterable[int], memory_of: Callable[[int], float], gpu: Gpu) -> int:
    """The first of the descending sizes that fits; 0 if none does."""
    return next((n for n in sizes if memory_of(n) <= gpu.memory_gb), 0)


def report(runs: Mapping[str, RunConfig], labels: Mapping[str, str], asked: Asked) -> str:
    """The plan of `runs` {run id: configuration} as lines of text."""
    name = asked.gpu or "A100-80GB"
    gpu = GPUS[name]
    found = {run_id: estimate(config, gpu, asked) for run_id, config in runs.items()}
    kinds = {asked.precision} if asked.precision else {"fp32", *map(precision_of, runs.values())}
    peaks = ", ".join(f"{kind} {getattr(gpu, kind):g} TFLOP/s" for kind in sorted(kinds))
    lines = [
        f"Estimate for {name}: {gpu.memory_gb:g} GB, {peaks}, assumed utilisation {asked.utilisation:g} "
        "(plan.gpu=, plan.precision=, plan.utilisation=)."
    ]
    width = max((len(label) for label in labels.values()), default=0)
    heads = f"{'memory':>8}  {'TFLOP/step':>10}  {'s/step':>7}  {'TFLOP/image':>11}  {'GPU-h':>6}"
    lines.append(f"{'run':12}  {'':{width}}  {heads}")
    for run_id, one in found.items():
        lines.append(f"{run_id:12}  {labels[run_id]:{width}}  {_words(one, gpu)}")
    lines += dict.fromkeys(f"TFLOP/step: {_parts(one.flops)}" for one in found.values() if one.flops)
    lines += [f"TFLOP/image of {labels[run_id]}: {text}" for text, run_id in _pipelines(found).items()]
    training, evaluation = (sum(getattr(one, f"{kind}_hours") for one in found.values()) for kind in KINDS)
    unknown = sum(bool(one.reason) for one in found.values())
    more = f"; {unknown} runs are not estimated" if unknown else ""
    total = f"{training + evaluation:,.1f} GPU-hours on {name}"
    lines.append(
        f"All {len(found)} runs: {total} (training {training:,.1f}, images and scores {evaluation:,.1f}){more}."
    )
    return "\n".join(lines)


def refuse_too_big(runs: Mapping[str, RunConfig], labels: Mapping[str, str], asked: Asked) -> None:
    """Raises ConfigError, before anything is queued, for the first run that does not fit the card that was named."""
    for run_id, config in runs.items() if asked.gpu else ():
        one = estimate(config, GPUS[asked.gpu], asked)
        if not one.fits:
            what = f"execution.micro_batch={one.micro_batch} fits" if one.micro_batch else "no micro-batch fits"
            raise ConfigError(
                f"Run {run_id} ({labels[run_id]}) needs about {one.memory_gb:.0f} GB; {asked.gpu} has "
                f"{GPUS[asked.gpu].memory_gb:g} GB. {what}. Without plan.gpu= nothing is compared."
            )


KINDS = ("training", "evaluation")


def precision_of(config: RunConfig) -> str:
    """In what the matrix products of the run's training, or of most of its pipeline, are computed."""
    if config.method == "diffusers":
        return "fp32" if config.generator.dtype == "float32" else "bf16"
    return config.optim.precision if trains(config) else "fp32"


def _words(one: Estimate, gpu: Gpu) -> str:
    if one.reason:
        return one.reason
    step = (f"{sum(one.flops.values()) / 1e12:.1f}", f"{one.seconds:.2f}") if one.flops else ("", "")
    hours = one.training_hours + one.evaluation_hours
    line = f"{one.memory_gb:5.0f} GB  {step[0]:>10}  {step[1]:>7}  {one.shown / 1e12:11.2f}  {hours:6.2f}"
    if one.fits:
        return line
    hint = f"execution.micro_batch={one.micro_batch} fits" if one.micro_batch else "no micro-batch fits"
    return f"{line}  more than {gpu.memory_gb:g} GB: {hint}"


def _parts(flops: Mapping[str, float]) -> str:
    return ", ".join(f"{part} {count / 1e12:.1f}" for part, count in flops.items())


def _pipelines(found: Mapping[str, Estimate]) -> dict[str, str]:
    """{what the networks of a pipeline do for an image: the first run that says so}."""
    texts: dict[str, str] = {}
    for run_id, one in found.items():
        shares = (
            f"{name} {share.calls} x {share.flops / share.calls / 1e12:.2f} in {share.precision}"
            for name, share in one.shares.items()
        )
        if one.shares:
            texts.setdefault(", ".join(shares), run_id)
    return texts


def _weights() -> Path | None:
    """Whose configuration files tell the sizes; None if the folder is not set."""
    try:
        return weights_folder("maskgen")
    except AssetError:
        return None
