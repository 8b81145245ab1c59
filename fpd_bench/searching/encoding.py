"""A trial's parameters as Optuna names and draws them, and back. A set is one yes-or-no parameter for each member."""

import random
from functools import cache
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial as Asked

from fpd_bench.config.compose import compose
from fpd_bench.config.fields import assign
from fpd_bench.config.searches.search_axes import Axis, Choice, Dimension, Interval, Steps, Subset, active
from fpd_bench.config.searches.search_spec import Search


@cache
def distributions(one: Dimension) -> dict[str, BaseDistribution]:
    """Give {name of a parameter: its law} of a dimension."""
    if isinstance(one.axis, Subset):
        return {member_name(one.field, member): CategoricalDistribution([False, True]) for member in one.axis.members}
    return {one.field: _law(one.axis)}


def _law(axis: Axis) -> BaseDistribution:
    if isinstance(axis, Choice):
        return CategoricalDistribution(axis.values)
    if isinstance(axis, Steps):
        if isinstance(axis.step, int):
            return IntDistribution(int(axis.low), int(axis.high), step=axis.step)
        return FloatDistribution(axis.low, axis.high, step=axis.step)
    assert isinstance(axis, Interval)
    if axis.whole_numbers:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


def member_name(field: str, member: float) -> str:
    """Name the parameter that says whether a set has this member: drift.bandwidths[0.5]."""
    return f"{field}[{member:g}]"


def encoded(search: Search, params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """Give (parameters, their laws) of a trial in Optuna's form."""
    found: dict[str, Any] = {}
    laws: dict[str, BaseDistribution] = {}
    for one in search.space:
        if one.field not in params:
            continue
        value = params[one.field]
        if isinstance(one.axis, Subset):
            found |= {member_name(one.field, member): member in value for member in one.axis.members}
        else:
            found[one.field] = value
        laws |= distributions(one)
    return found, laws


def suggested(search: Search, asked: Asked, rng: random.Random) -> dict[str, Any]:
    """Ask for the value of each dimension that the trial has, in the order of the space: {field: value}."""
    config, params = compose([], search.base), {}
    for one in search.space:
        if active(one, config):
            params[one.field] = _suggested(one, asked, rng)
            assign(config, one.field, params[one.field])
    return params


def _suggested(one: Dimension, asked: Asked, rng: random.Random) -> Any:
    drawn = {name: _drawn(asked, name, law) for name, law in distributions(one).items()}
    if isinstance(one.axis, Subset):
        chosen = [member for member in one.axis.members if drawn[member_name(one.field, member)]]
        return _within(one.axis, chosen, rng)
    (value,) = drawn.values()
    if isinstance(one.axis, Steps):
        return min(one.axis.values, key=lambda step: abs(step - value))
    return one.axis.rounded(value) if isinstance(one.axis, Interval) and not one.axis.whole_numbers else value


def _drawn(asked: Asked, name: str, law: BaseDistribution) -> Any:
    if isinstance(law, IntDistribution):
        return asked.suggest_int(name, law.low, law.high, step=law.step, log=law.log)
    if isinstance(law, FloatDistribution):
        return asked.suggest_float(name, law.low, law.high, step=law.step, log=law.log)
    assert isinstance(law, CategoricalDistribution)
    return asked.suggest_categorical(name, law.choices)


def _within(axis: Subset, chosen: list[float], rng: random.Random) -> list[float]:
    """Give the set, with members left out or added at random until it has as many as it may."""
    if len(chosen) > axis.most:
        chosen = rng.sample(chosen, axis.most)
    missing = [member for member in axis.members if member not in chosen]
    return sorted([*chosen, *rng.sample(missing, max(axis.least - len(chosen), 0))])
