"""Every metric: how tables call it, which way is better, how many digits, and which evaluations give it.

This is the one list of them, for planning, reports and commands; it needs no torch. A metric is a mean over items (a
task of a suite, or `overall` over its tasks) or one number of all images of a run together (FID and its kin). Packages
outside this tree announce theirs under the entry point group `fpd_bench.metrics`, as `name = module:METRIC`; asking
for one metric loads no other.
"""

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from fpd_bench.errors import ConfigError, PluginError, UnknownName

GROUP = "fpd_bench.metrics"
OVERALL = "overall"  # the mean of the task means, see records/scores.py
GENEVAL, FIDELITY = "geneval", "fidelity"  # evaluations: judging each image, comparing all images with real ones
LAYOUTS, VENDI = "layouts", "vendi"  # how much the pictures of a prompt differ: in tokens, or in features of Phi
CLASSES, HELDOUT = "classes", "heldout"  # is it of the class asked for; all images and, beside them, real ones


@dataclass(frozen=True)
class Metric:
    """evaluations: names of those that give it. of_set: one number of all images of a run, not a mean over items.

    digits: behind the point, of our numbers; published_digits: of a paper's. least, most: that a number of it can be.
    """

    name: str
    label: str
    evaluations: tuple[str, ...]
    of_set: bool = False
    lower_is_better: bool = False
    digits: int = 3
    published_digits: int = 2
    least: float = -math.inf
    most: float = math.inf

    @property
    def sign(self) -> int:
        """Give 1 if higher is better, -1 if lower is."""
        return -1 if self.lower_is_better else 1

    @property
    def heading(self) -> str:
        """Give the label, with an arrow to the better side where a reader may not guess it."""
        if not (self.of_set or self.lower_is_better):
            return self.label
        return f"{self.label} {'↓' if self.lower_is_better else '↑'}"


SHARE: dict[str, Any] = {"least": 0, "most": 1}
METRICS = (
    Metric(OVERALL, "Overall", (GENEVAL, CLASSES), **SHARE),
    Metric("single_object", "Single", (GENEVAL,), **SHARE),
    Metric("two_object", "Two", (GENEVAL,), **SHARE),
    Metric("counting", "Count.", (GENEVAL,), **SHARE),
    Metric("colors", "Colors", (GENEVAL,), **SHARE),
    Metric("position", "Pos.", (GENEVAL,), **SHARE),
    Metric("color_attr", "Color attr.", (GENEVAL,), **SHARE),
    Metric("fid", "FID", (FIDELITY,), of_set=True, lower_is_better=True, digits=2, least=0),
    Metric("is", "IS", (FIDELITY,), of_set=True, digits=1, published_digits=0, least=1),
    Metric("precision", "Prec.", (FIDELITY,), of_set=True, **SHARE),
    Metric("recall", "Rec.", (FIDELITY,), of_set=True, **SHARE),
    Metric("kid", "KID", (FIDELITY,), of_set=True, lower_is_better=True, digits=5),
    Metric("density", "Dens.", (HELDOUT,), of_set=True, least=0),
    Metric("coverage", "Cov.", (HELDOUT,), of_set=True, **SHARE),
    Metric("fid_inf", "FID∞", (HELDOUT,), of_set=True, lower_is_better=True, digits=2),
    Metric("differ", "Differ", (LAYOUTS,), of_set=True, **SHARE),
    Metric("same", "Same twice", (LAYOUTS,), of_set=True, lower_is_better=True, **SHARE),
    Metric("distinct", "Layouts", (LAYOUTS,), of_set=True, digits=2, least=1),
    Metric("vendi", "Vendi", (VENDI,), of_set=True, digits=2, least=1),
    Metric("real_fid", "FID of real", (HELDOUT,), of_set=True, lower_is_better=True, digits=2),
)
_OURS = {metric.name: metric for metric in METRICS}


def known() -> list[str]:
    """Name every metric that can be asked for: ours in order, then other packages', without loading those."""
    return [*_OURS, *sorted(_announced(tuple(sys.path)).keys() - _OURS.keys())]


def check(name: str, where: str = "") -> None:
    """Raise UnknownName unless `name` can be asked for; loads nothing."""
    if name not in known():
        raise UnknownName("metric", name, known(), where)


def check_number(name: str, number: float, what: str) -> None:
    """Raise ConfigError unless `number` can be one of metric `name`; of another package's any number can.

    what: how messages call the number.
    """
    metric = _OURS.get(name, Metric(name, name, ()))
    if not (abs(number) <= sys.float_info.max and metric.least <= number <= metric.most):
        share, least = metric.most == 1, f", {metric.least:g} or more" if math.isfinite(metric.least) else ""
        wanted = "from 0 to 1, such as 0.38 for 38%" if share else f"finite{least}"
        raise ConfigError(f"{what} must be {wanted}; got {number!r}.")


def get(name: str, where: str = "") -> Metric:
    """Give the metric called `name`. Raises UnknownName, or PluginError for another package's that cannot be loaded."""
    check(name, where)
    return _OURS[name] if name in _OURS else _loaded(name, _announced(tuple(sys.path))[name])


def get_or_plain(name: str) -> Metric:
    """Give the metric called `name` for a table; a number that nobody lists, such as a task, gets its plain name."""
    try:
        return get(name)
    except (UnknownName, PluginError):  # who asks a table for such a metric is told by `get`, at planning
        return Metric(name, name, ())


def ordered(names: Iterable[str]) -> list[str]:
    """Sort names as the list has them, those that it lacks behind, by name."""
    place = {name: n for n, name in enumerate(known())}
    return sorted(set(names), key=lambda name: (place.get(name, len(place)), name))


def given_by(*evaluations: str) -> list[str]:
    """Name the metrics that any of these evaluations gives, in the list's order."""
    return [name for name in known() if set(get_or_plain(name).evaluations) & set(evaluations)]


def names_of(evaluation: str) -> tuple[str, ...]:
    """Name our own metrics of an evaluation, without `overall`: the tasks of GenEval, FID and its kin."""
    return tuple(metric.name for metric in METRICS if evaluation in metric.evaluations and metric.name != OVERALL)


@cache
def _announced(_path: tuple[str, ...]) -> dict[str, list[EntryPoint]]:
    """List what installed packages announce: looking takes some 50 ms, and a plan asks thousands of times."""
    found: dict[str, list[EntryPoint]] = {}
    for point in set(entry_points(group=GROUP)):
        found.setdefault(point.name, []).append(point)
    return found


@cache
def _load(point: EntryPoint) -> object:
    return point.load()


def _loaded(name: str, points: list[EntryPoint]) -> Metric:
    whose = " and ".join(sorted(f"'{point.dist.name if point.dist else point.value}'" for point in points))
    if len(points) > 1:
        raise PluginError(f"metric '{name}' is announced by packages {whose}. Uninstall all but one.")
    try:
        metric = _load(points[0])
    except Exception as error:  # another package's code may raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PluginError(
            f"metric '{name}' of package {whose} cannot be imported: {type(error).__name__}: {reason}. "
            "Mend or uninstall that package, or choose another metric."
        ) from error
    if not isinstance(metric, Metric) or metric.name != name:
        raise PluginError(
            f"metric '{name}' of package {whose} must be a Metric of this name; '{points[0].value}' is {metric!r}."
        )
    return metric
