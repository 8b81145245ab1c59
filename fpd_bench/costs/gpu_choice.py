"""The GPU that a plan is made for, by its name or by its numbers: `plan.gpu=H100`, `plan.memory_gb=48`."""

from collections.abc import Iterable
from dataclasses import dataclass

from fpd_bench.config.compose import parse
from fpd_bench.errors import ConfigError, UnknownName


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
UTILISATION = 0.35  # of the peak; public trainings of transformers of this size reach 0.3 to 0.5
PRECISIONS = ("fp32", "tf32", "bf16")
KNOWN = ("plan.gpu", "plan.memory_gb", "plan.tflops", "plan.utilisation", "plan.precision")


@dataclass(frozen=True)
class PlanRequest:
    """What the command line says of the plan. gpu: its name, "" = none; card: its numbers; precision "": the run's."""

    gpu: str = ""
    utilisation: float = UTILISATION
    precision: str = ""
    numbers: Gpu | None = None

    @property
    def card(self) -> Gpu | None:
        """Return the card that was asked for; None if none was."""
        return self.numbers or GPUS.get(self.gpu)


def split_plan(overrides: Iterable[str]) -> tuple[PlanRequest, list[str]]:
    """Separate plan.* from all other overrides. Raises ConfigError, UnknownName."""
    texts = list(overrides)
    mine = [text for text in texts if text.partition("=")[0].partition(".")[0] == "plan"]
    given = _settings_of(mine)
    precision, gpu = given.get("plan.precision", ""), given.get("plan.gpu", "")
    if precision and precision not in PRECISIONS:
        raise UnknownName("plan.precision", precision, PRECISIONS)
    share = _number(given, "plan.utilisation", UTILISATION)
    if share > 1:
        raise ConfigError(f"plan.utilisation must be in (0, 1]; got '{given['plan.utilisation']}'.")
    numbers = _card_by_numbers(given)
    if numbers is None and gpu and gpu not in GPUS:
        raise _unknown_card(gpu)
    name = gpu or (f"a card of {numbers.memory_gb:g} GB" if numbers else "")
    return PlanRequest(name, share, precision, numbers), [text for text in texts if text not in mine]


def _settings_of(mine: list[str]) -> dict[str, str]:
    found = {}
    for one in parse(mine, "the command line"):
        if one.key not in KNOWN:
            raise UnknownName("field", one.key, KNOWN, "the command line")
        values = [text.partition("=")[2] for text in one.texts]
        if len(values) > 1:
            raise ConfigError(f"{one.key} takes one value; got {','.join(values)}. Run the command once for each.")
        found[one.key] = values[0]
    return found


def _card_by_numbers(given: dict[str, str]) -> Gpu | None:
    """Describe a card that is not on the list: its memory and its peak, in whatever the run computes in."""
    if "plan.memory_gb" not in given and "plan.tflops" not in given:
        return None
    for name in ("plan.memory_gb", "plan.tflops"):
        if name not in given:
            raise ConfigError(f"A card is given by plan.memory_gb= and plan.tflops= together; {name} is missing.")
    peak = _number(given, "plan.tflops", 0)
    return Gpu(_number(given, "plan.memory_gb", 0), peak, peak, peak)


def _number(given: dict[str, str], name: str, default: float) -> float:
    try:
        found = float(given.get(name, default))
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        wanted = "in (0, 1]" if name == "plan.utilisation" else "a number above 0"
        raise ConfigError(f"{name} must be {wanted}; got '{given[name]}'.")
    return found


def _unknown_card(gpu: str) -> ConfigError:
    same = [name for name in GPUS if name.lower().startswith(gpu.lower())]
    if len(same) > 1:
        return ConfigError(f"plan.gpu={gpu} fits more than one card. Choose {' or '.join(same)}.")
    by_numbers = "For a card that is not listed, give its numbers: plan.memory_gb=48 plan.tflops=90"
    return UnknownName("plan.gpu", gpu, GPUS, listing=by_numbers)
