"""What a sweep will cost on a named GPU, in words: its runs one by one, and the GPU-hours of all (run_cost.py)."""

import re
import textwrap
from collections.abc import Callable, Iterable, Mapping

from fpd_bench.config.schema import RunConfig
from fpd_bench.costs.gpu_choice import GPUS, Gpu, PlanRequest
from fpd_bench.costs.run_cost import RunCost, estimate, flops_per_second, precision_of
from fpd_bench.costs.teacher_pairs import sampled_pairs
from fpd_bench.errors import ConfigError

DEFAULT = "A100-80GB"
WIDTH = 140
HEADS = ("memory", "steps", "TFLOP/step", "s/step", "TFLOP/image", "GPU-h")


def report(runs: Mapping[str, RunConfig], labels: Mapping[str, str], asked: PlanRequest) -> str:
    """Write the plan of `runs` {run id: configuration} as lines of text."""
    name, gpu = asked.gpu or DEFAULT, asked.card or GPUS[DEFAULT]
    found = {run_id: estimate(config, gpu, asked) for run_id, config in runs.items()}
    precisions = {asked.precision} if asked.precision else {"fp32", *map(precision_of, runs.values())}
    peaks = ", ".join(f"{kind} {getattr(gpu, kind):g} TFLOP/s" for kind in sorted(precisions))
    lines = [
        f"Estimate for {name}: {gpu.memory_gb:g} GB, {peaks}, assumed utilisation {asked.utilisation:g} "
        "(plan.gpu=, plan.precision=, plan.utilisation=)."
    ]
    width = max((len(label) for label in labels.values()), default=0)
    lines.append(f"{'run':12}  {'':{width}}  {_columns(HEADS)}")
    for run_id, one in found.items():
        lines.append(f"{run_id:12}  {labels[run_id]:{width}}  {_run_line(one, gpu)}".rstrip())
    names = {run_id: re.sub(r" seed \d+$", "", label) for run_id, label in labels.items()}
    for head, words in SHARED.items():
        lines += _lines_for_all(head.format(gpu.memory_gb), words, found, names)
    return "\n".join([*lines, *_pairs_line(runs.values(), gpu, asked), _total_line(found.values(), name)])


def refuse_too_big(runs: Mapping[str, RunConfig], labels: Mapping[str, str], asked: PlanRequest) -> None:
    """Refuse, before anything is queued, the first run that does not fit the card that was named. Raises
    ConfigError.
    """
    card = asked.card
    if card is None:
        return
    for run_id, config in runs.items():
        one = estimate(config, card, asked)
        if not one.fits:
            raise ConfigError(
                f"Run {run_id} ({labels[run_id]}) needs about {rounded(one.memory_gb)} GB; {asked.gpu} has "
                f"{card.memory_gb:g} GB: {_way_out(one)}. Without plan.gpu= no memory is compared."
            )


def rounded(number: float) -> str:
    """Write a number with three significant digits: 0.000123, 4.67, 1,235."""
    if number >= 999.5:
        return f"{number:,.0f}"
    digits = f"{number:.3g}"
    return f"{number:.{int(digits.partition('e-')[2]) + 2}f}".rstrip("0") if "e-" in digits else digits


def _run_line(one: RunCost, gpu: Gpu) -> str:
    if one.reason:
        return "not estimated, see below"
    step = (f"{one.steps:,}", rounded(sum(one.flops.values()) / 1e12), rounded(one.seconds)) if one.flops else ("",) * 3
    hours = one.training_hours + one.evaluation_hours
    image = rounded(one.image_flops / 1e12) if one.image_flops else ""
    line = _columns((f"{rounded(one.memory_gb)} GB", *step, image, rounded(hours)))
    return line if one.fits else f"{line}  over {gpu.memory_gb:g} GB"


def _columns(words: Iterable[str]) -> str:
    return "  ".join(f"{word:>{max(len(head), 7)}}" for word, head in zip(words, HEADS, strict=True))


def _way_out(one: RunCost) -> str:
    if one.fits:
        return ""
    if one.micro_batch:
        return f"execution.micro_batch={one.micro_batch} fits, it takes {rounded(one.micro_gb)} GB"
    return one.advice


def _lines_for_all(
    head: str, words: Callable[[RunCost], str], found: Mapping[str, RunCost], names: Mapping[str, str]
) -> list[str]:
    """Write a line for all runs of which the same words are true."""
    runs_of: dict[str, dict[str, None]] = {}
    for run_id, one in found.items():
        runs_of.setdefault(words(one), {})[names[run_id]] = None
    lines = [f"{head} {', '.join(which)}: {text}" for text, which in runs_of.items() if text]
    wrap = textwrap.TextWrapper(WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return [part for line in lines for part in wrap.wrap(line)]


def _step_text(one: RunCost) -> str:
    shares_of_step = [f"{part} {rounded(count / 1e12)}" for part, count in one.flops.items()]
    return f"{', '.join(shares_of_step)}; noise on the CPU {rounded(one.noise_seconds)} s" if shares_of_step else ""


def _image_text(one: RunCost) -> str:
    return ", ".join(
        f"{name} {share.calls} x {rounded(share.flops / share.calls / 1e12)} in {share.precision}"
        for name, share in one.shares.items()
    )


SHARED: dict[str, Callable[[RunCost], str]] = {
    "Not estimated,": lambda one: one.reason,
    "Over {:g} GB,": _way_out,
    "TFLOP/step of": _step_text,
    "TFLOP/image of": _image_text,
}


def _pairs_line(configs: Iterable[RunConfig], gpu: Gpu, asked: PlanRequest) -> list[str]:
    """Name the pairs that the runs' tracks sample from their teachers, which no run's hours have in them."""
    pairs, flops = sampled_pairs(configs)
    hours = flops / flops_per_second(gpu, asked, "fp32") / 3600
    words = "Sampled from the teacher once, kept, and shared by all runs of a seed"
    return [f"{words}: {pairs:,} pairs, {rounded(hours)} GPU-hours more."] if pairs else []


def _total_line(found: Iterable[RunCost], name: str) -> str:
    ones = list(found)
    training, evaluation = sum(one.training_hours for one in ones), sum(one.evaluation_hours for one in ones)
    summary = f"training {rounded(training)}, images and scores {rounded(evaluation)}"
    too_big = [one for one in ones if not one.fits]
    notes = {
        "counted with the micro-batch that fits": sum(one.micro_batch > 0 for one in too_big),
        "fit with no micro-batch": sum(one.micro_batch == 0 for one in too_big),
        "not estimated": sum(bool(one.reason) for one in ones),
    }
    said = "".join(f"; {count} {what}" for what, count in notes.items() if count)
    return f"All {len(ones)} runs: {rounded(training + evaluation)} GPU-hours on {name} ({summary}){said}."
