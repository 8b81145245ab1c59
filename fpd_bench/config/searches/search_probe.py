"""Random configurations of a search space, to find out before any run that it is one. Needs no torch."""

import math
import random
from typing import Any

from fpd_bench.config.check import check
from fpd_bench.config.compose import compose
from fpd_bench.config.fields import assign
from fpd_bench.config.schema import RunConfig
from fpd_bench.config.searches.search_axes import Axis, Choice, Dimension, Interval, Steps, Subset, active
from fpd_bench.errors import ConfigError

DRAWS = 100


def probe(space: tuple[Dimension, ...], base: RunConfig, where: str) -> None:
    """Raise ConfigError if a value of an axis is in no configuration that could be run, or no run reads a field."""
    rng = random.Random(0)
    for one in space:
        for part in _values_to_try(one.axis):
            errors: list[ConfigError] = []
            if not any(_works(space, base, rng, one, part, errors) for _ in range(DRAWS)):
                condition = f" where {one.condition}" if one.condition else ""
                unread = f"no trial reads '{one.field}'{condition}. Leave it out."
                raise ConfigError(f"{where}: {f'{one.field}={part}: {errors[0]}' if errors else unread}")


def _values_to_try(axis: Axis) -> tuple[Any, ...]:
    """Say what has to be possible for itself: ends, choices, members."""
    if isinstance(axis, Interval):
        return axis.low, axis.high
    return axis.values if isinstance(axis, Choice | Steps) else axis.members


def _works(
    space: tuple[Dimension, ...],
    base: RunConfig,
    rng: random.Random,
    one: Dimension,
    part: Any,
    errors: list[ConfigError],
) -> bool:
    """Say whether a random configuration with this part can be run and reads it."""
    if isinstance(one.axis, Subset):
        others = [member for member in one.axis.members if member != part]
        part = sorted([part, *rng.sample(others, rng.randint(max(one.axis.least, 1), one.axis.most) - 1)])
    try:
        return one.field in drawn(space, base, rng, {one.field: part})
    except ConfigError as error:
        errors.append(error)
        return False


def drawn(
    space: tuple[Dimension, ...], base: RunConfig, rng: random.Random, given: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Draw {field: value} of the active dimensions, those of `given` as they are. Raises ConfigError for a
    configuration that cannot be run."""
    config, params = compose([], base), {}
    for one in space:
        if active(one, config):
            params[one.field] = (given or {}).get(one.field, _value(one.axis, rng))
            assign(config, one.field, params[one.field])
    check(config)
    return params


def _value(axis: Axis, rng: random.Random) -> Any:
    if isinstance(axis, Interval):
        if axis.log:
            number = math.exp(rng.uniform(math.log(axis.low), math.log(axis.high)))
        else:
            number = rng.uniform(axis.low, axis.high)
        return min(max(round(number), int(axis.low)), int(axis.high)) if axis.whole_numbers else axis.rounded(number)
    if isinstance(axis, Choice | Steps):
        return rng.choice(axis.values)
    return sorted(rng.sample(axis.members, rng.randint(max(axis.least, 0), axis.most)))
