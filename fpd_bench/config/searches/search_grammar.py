"""The words of a search space -> dimensions, held against what each field can be. Needs no torch."""

import re
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, QuotedString, RangeSweep

from fpd_bench.config.compose import read_override, refuse_odd_range
from fpd_bench.config.fields import canonical, check_name, leaf, type_in_words, well_typed
from fpd_bench.config.searches.search_axes import SIGNS, Axis, AxisCondition, Choice, Dimension, Interval, Steps, Subset
from fpd_bench.errors import ConfigError, UnknownName

WORDS = ("interval", "tag", "range", "choice", "subset")
FORMS = "interval(a, b), tag(log, interval(a, b)), range(a, b), choice(a, b) or subset(a, b, c; min=1, max=2)"
# What is measured, on what and how often is not searched: such trials could not be compared.
FIXED = ("seed", "track.", "execution.", "evaluation.split", "evaluation.images_per_prompt", "evaluation.fidelity")
MOST = 1e12  # an end of an interval


def is_axis(text: str) -> bool:
    """Say whether the value of `key=value` is one of the words of a space."""
    return re.match(rf"\s*({'|'.join(WORDS)})\s*\(", text) is not None


def dimension(field: str, text: Any, condition: Any, where: str) -> Dimension:
    """Read one line of a space. Raises ConfigError or UnknownName, one line, for whatever is wrong with it."""
    place = f"{where}, {field}"
    check_name(field, where)
    if any(field == one or (one.endswith(".") and field.startswith(one)) for one in FIXED):
        raise ConfigError(
            f"{where}: '{field}' cannot be searched, because trials with different values of it could not be compared."
        )
    if not isinstance(text, str) or not is_axis(text):
        raise ConfigError(f"{place}: expected {FORMS}; got {text!r}.")
    axis = _subset(field, text, place) if text.strip().startswith("subset") else _of_hydra(field, text, place)
    return Dimension(field, axis, None if condition is None else _condition(condition, place))


def _of_hydra(field: str, text: str, place: str) -> Axis:
    override = read_override(f"{field}={text}")
    found = override if isinstance(override, str) else override.value()
    if isinstance(found, IntervalSweep):
        return _interval(field, found, place)
    if isinstance(found, RangeSweep):
        return _steps(field, found, place)
    if isinstance(found, ChoiceSweep):
        return _choice(field, found, place)
    raise ConfigError(f"{place}: '{text}' cannot be read. Write {FORMS}.")


def _interval(field: str, found: IntervalSweep, place: str) -> Interval:
    declared = leaf(field).type
    if declared not in (int, float):
        raise ConfigError(f"{place}: interval() is for numbers, and {field} is {type_in_words(field)}.")
    low, high, log = found.start, found.end, "log" in found.tags
    assert low is not None and high is not None
    if unknown := sorted(found.tags - {"log"}):
        raise ConfigError(f"{place}: unknown tag '{unknown[0]}'. The only one is log: tag(log, interval(a, b)).")
    if low >= high:
        raise ConfigError(f"{place}: the interval's low end {low:g} must be below its high end {high:g}.")
    if log and low <= 0:
        raise ConfigError(f"{place}: a logarithm needs a low end above 0; got {low:g}.")
    if max(abs(low), abs(high)) > MOST:
        raise ConfigError(f"{place}: the ends must be between -{MOST:.0e} and {MOST:.0e}; got {low:g} and {high:g}.")
    ends = [int(low), int(high)] if declared is int else [float(low), float(high)]
    if ends != [low, high]:
        raise ConfigError(f"{place}: {field} is {type_in_words(field)}; got ends {low:g} and {high:g}.")
    _each_fits(field, ends, place)
    return Interval(ends[0], ends[1], log, declared is int)


def _steps(field: str, found: RangeSweep, place: str) -> Steps:
    if leaf(field).type not in (int, float) or found.shuffle or found.tags:
        raise ConfigError(
            f"{place}: range() lists numbers in their order and takes no tags; {field} is {type_in_words(field)}."
        )
    refuse_odd_range(found, place)
    values = [canonical(field, one) for one in found.range()]
    if len(values) < 2:
        raise ConfigError(
            f"{place}: the range has {len(values)} values, but a search needs two or more. The end does not belong "
            "to the range."
        )
    values.sort()
    _each_fits(field, values, place)
    step = values[1] - values[0]
    return Steps(values[0], values[-1], step if isinstance(step, int) else float(f"{step:.12g}"))


def _choice(field: str, found: ChoiceSweep, place: str) -> Choice:
    if found.tags or found.shuffle:
        raise ConfigError(f"{place}: choice() takes no tags. A logarithm is of an interval: tag(log, interval(a, b)).")
    values: list[Any] = [one.text if isinstance(one, QuotedString) else one for one in found.list]
    if any(isinstance(one, list | dict) for one in values):
        raise ConfigError(
            f"{place}: a sampler cannot choose among whole lists. For sets write subset(a, b, c; min=1), or "
            "compare whole lists in a sweep's grid."
        )
    fitting = [canonical(field, one) for one in values]
    _each_fits(field, fitting, place)
    distinct = tuple(dict.fromkeys(fitting))
    if len(distinct) < 2:
        raise ConfigError(
            f"{place}: choice() has one value, so there is nothing to search. Put {field} into the profile."
        )
    return Choice(distinct)


def _subset(field: str, text: str, place: str) -> Subset:
    """Read subset(a, b, c; min=1, max=2); without min 1, without max all."""
    if not leaf(field).metadata.get("is_set"):
        raise ConfigError(f"{place}: subset() is for fields that are sets, and {field} is {type_in_words(field)}.")
    found = re.fullmatch(r"\s*subset\(([^;()]*)(?:;([^()]*))?\)\s*", text)
    override = read_override(f"{field}=[{found[1]}]") if found else "?"
    members: Any = override if isinstance(override, str) else override.value()
    if found is None or not isinstance(members, list):
        raise ConfigError(f"{place}: '{text}' cannot be read. Write subset(a, b, c; min=1, max=2).")
    if not members:
        raise ConfigError(f"{place}: the subset has no members to choose from.")
    _each_fits(field, [[one] for one in members], place)
    sorted_members = tuple(canonical(field, list(members)))
    if len(sorted_members) < len(members):
        raise ConfigError(f"{place}: the subset names a member twice: {', '.join(map(str, members))}. Name each once.")
    ends = {"min": 1, "max": len(sorted_members)} | _ends(found[2], place)
    least, most = ends["min"], ends["max"]
    if not 0 <= least <= most <= len(sorted_members) or most < 1:
        raise ConfigError(
            f"{place}: min={least} and max={most} fit no set of the {len(sorted_members)} members given. Choose "
            "0 <= min <= max <= the number of members, and max 1 or more."
        )
    if least == most == len(sorted_members):
        raise ConfigError(
            f"{place}: this subset has one set only, so there is nothing to search. Put it into a profile."
        )
    if least == 0 and not _may_be_empty(field):
        raise ConfigError(f"{place}: {field} must not be empty. Write min=1 or more.")
    return Subset(sorted_members, least, most)


def _ends(text: str | None, place: str) -> dict[str, int]:
    ends: dict[str, int] = {}
    for part in (text or "").split(",") if (text or "").strip() else []:
        name, sign, number = (word.strip() for word in part.partition("="))
        if name not in ("min", "max") or not sign or not number.isdecimal():
            raise ConfigError(f"{place}: write min=NUMBER and max=NUMBER after the semicolon; got '{part.strip()}'.")
        ends[name] = int(number)
    return ends


def _may_be_empty(field: str) -> bool:
    length = leaf(field).metadata.get("length")
    return length is None or length.holds(0)


def _condition(text: Any, place: str) -> AxisCondition:
    """Give `field > 0`, with any of ==, !=, >=, <=, >, <."""
    found = re.fullmatch(r"\s*([\w.]+)\s*(==|!=|>=|<=|>|<)\s*(.+?)\s*", text) if isinstance(text, str) else None
    if found is None:
        raise ConfigError(f"{place}: a condition is written like 'gan.weight > 0' ({' '.join(SIGNS)}); got {text!r}.")
    name, sign, word = found.groups()
    check_name(name, place)
    override = read_override(f"{name}={word}")
    given = override if isinstance(override, str) else override.value()
    given = word if leaf(name).type is str else given
    if not well_typed(name, given):
        raise ConfigError(f"{place}: {name} is {type_in_words(name)}; the condition compares it with '{word}'.")
    if sign not in ("==", "!=") and not isinstance(given, int | float):
        raise ConfigError(f"{place}: only numbers are larger or smaller; use == or != for {name}.")
    return AxisCondition(name, sign, given)


def _each_fits(field: str, values: list[Any], place: str) -> None:
    """Hold the values against the field's type, choices and range."""
    carried = leaf(field).metadata
    for one in values:
        if not well_typed(field, one):
            raise ConfigError(f"{place}: {field} must be {type_in_words(field)}; got {one!r}.")
        if carried.get("choices") and one not in carried["choices"]:
            raise UnknownName(field, str(one), carried["choices"], place)
        within = carried.get("within")
        if within and not all(within.holds(number) for number in (one if isinstance(one, list) else [one])):
            raise ConfigError(f"{place}: {field} must be {within.says}; got {one!r}.")
