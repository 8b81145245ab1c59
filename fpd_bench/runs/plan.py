"""What a sweep will cost on a named GPU: memory and seconds of each cell's steps, GPU-hours of the table.

`plan.gpu=H100 plan.utilisation=0.35` on the command line of a --dry-run. An estimate: counted FLOPs (arithmetic.py)
over the card's published dense peak times the utilisation, which is an assumption that the user can change. Memory is
that of float32 tensors, an upper limit for bf16. torch is imported only when something is estimated.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fpd_bench.config.compose import parse
from fpd_bench.config.identity import TEACHER, trains
from fpd_bench.config.schema import RunConfig
from fpd_bench.config.weights import weights_folder
from fpd_bench.errors import AssetError, ConfigError, UnknownName

if TYPE_CHECKING:
    from fpd_bench.runs.arithmetic import StepCost


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
    """Of one run. cost None: a method whose arithmetic is not known. seconds: of a step; hours: of the whole run."""

    cost: "StepCost | None"
    memory_gb: float = 0
    seconds: float = 0
    training_hours: float = 0
    evaluation_hours: float = 0
    micro_batch: int = 0  # the largest that fits; the run's own if that does, 0 if nothing does
    fits: bool = True


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
    from fpd_bench.runs.arithmetic import step_cost

    items = SUITE_ITEMS.get(config.track.name, 0)
    cost = step_cost(config, _weights(), items)
    if cost is None:
        return Estimate(None)
    rate = 1e12 * asked.utilisation * getattr(gpu, asked.precision or precision_of(config))
    slow = 1e12 * asked.utilisation * getattr(gpu, asked.precision or "fp32")  # evaluation is always float32
    cards, steps = config.execution.processes, config.optim.steps
    batch = config.optim.batch // cards  # of one card
    micro = min(config.execution.micro_batch or batch, batch)
    scored = SCORING * items * config.evaluation.images_per_prompt if config.track.name in SCORED else 0
    evaluation = (cost.evaluation + scored) / slow / 3600
    if config.method == TEACHER:
        memory = cost.fixed / 1e9 + OVERHEAD_GB
        return Estimate(cost, memory, evaluation_hours=evaluation, fits=memory <= gpu.memory_gb)

    def memory_of(images: int) -> float:
        return (cost.fixed + images * cost.per_image + batch * cost.per_draft) / 1e9 + OVERHEAD_GB

    seconds = cost.total / rate / cards
    fits = memory_of(micro) <= gpu.memory_gb
    sizes = (n for n in range(micro, 0, -1) if batch % n == 0 and memory_of(n) <= gpu.memory_gb)
    largest = micro if fits else next(sizes, 0)
    return Estimate(cost, memory_of(micro), seconds, cards * seconds * steps / 3600, evaluation, largest, fits)


def report(runs: Mapping[str, RunConfig], labels: Mapping[str, str], asked: Asked) -> str:
    """The plan of `runs` {run id: configuration} as lines of text."""
    name = asked.gpu or "A100-80GB"
    gpu = GPUS[name]
    found = {run_id: estimate(config, gpu, asked) for run_id, config in runs.items()}
    kinds = sorted({asked.precision or precision_of(config) for config in runs.values()})
    peaks = ", ".join(f"{kind} {getattr(gpu, kind):g} TFLOP/s" for kind in kinds)
    lines = [
        f"Estimate for {name}: {gpu.memory_gb:g} GB, {peaks}, assumed utilisation {asked.utilisation:g} "
        "(plan.gpu=, plan.precision=, plan.utilisation=)."
    ]
    width = max((len(label) for label in labels.values()), default=0)
    lines.append(f"{'run':12}  {'':{width}}  {'memory':>8}  {'TFLOP/step':>10}  {'s/step':>7}  {'GPU-h':>6}")
    for run_id, one in found.items():
        lines.append(f"{run_id:12}  {labels[run_id]:{width}}  {_words(runs[run_id], one, gpu)}")
    for parts in dict.fromkeys(_parts(one.cost) for one in found.values() if one.cost and one.cost.flops):
        lines.append(f"TFLOP/step: {parts}")
    training, evaluation = (sum(getattr(one, f"{kind}_hours") for one in found.values()) for kind in KINDS)
    unknown = sum(one.cost is None for one in found.values())
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
    """In what the matrix products of the run's training are computed."""
    return config.optim.precision if trains(config) else "fp32"


def _words(config: RunConfig, one: Estimate, gpu: Gpu) -> str:
    if one.cost is None:
        return f"method '{config.method}' is not estimated"
    memory = f"{one.memory_gb:5.0f} GB"
    hours = f"{one.training_hours + one.evaluation_hours:6.1f}"
    line = f"{memory}  {one.cost.total / 1e12:10.1f}  {one.seconds:7.2f}  {hours}"
    if one.fits:
        return line
    hint = f"execution.micro_batch={one.micro_batch} fits" if one.micro_batch else "no micro-batch fits"
    return f"{line}  more than {gpu.memory_gb:g} GB: {hint}"


def _parts(cost: "StepCost") -> str:
    return ", ".join(f"{part} {count / 1e12:.1f}" for part, count in cost.flops.items())


def _weights() -> Path | None:
    """Whose configuration files tell the sizes; None if the folder is not set."""
    try:
        return weights_folder("maskgen")
    except AssetError:
        return None
