"""What a field of a configuration carries beside its default: meaning, unit, choices, range, and when it is read.

The one place for all of that: checks, errors, `--help` and docs/fields.md are made from it. A field that is added
after a release also says `before`, the value under which nothing changes, so that runs made before it keep their ids.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Range:
    """Which numbers are right, and how that is said: 'more than 0'."""

    says: str
    holds: Callable[[float], bool]


@dataclass(frozen=True)
class When:
    """The configurations that read a field at all, and how that is said: 'gan.weight is not 0'."""

    says: str
    holds: Callable[[Any], bool]


POSITIVE = Range("more than 0", lambda x: x > 0)
NOT_NEGATIVE = Range("0 or more", lambda x: x >= 0)
COUNT = Range("1 or more", lambda x: x >= 1)
FRACTION = Range("in [0, 1]", lambda x: 0 <= x <= 1)
SHARE = Range("in (0, 1]", lambda x: 0 < x <= 1)
DECAY = Range("in [0, 1)", lambda x: 0 <= x < 1)


def exactly(count: int) -> Range:
    """Allow that number and no other."""
    return Range(f"exactly {count}", lambda x: x == count)


def span(low: float, high: float) -> Range:
    """Allow the numbers from low to high, both included."""
    return Range(f"from {low} to {high}", lambda x: low <= x <= high)


def or_minus_one(what: str) -> Range:
    """Allow 0 or more, and -1, which stands for `what`."""
    return Range(f"0 or more, or -1 for {what}", lambda x: x >= 0 or x == -1)


def knob(
    default: Any,
    says: str,
    *,
    unit: str = "",
    choices: tuple[str, ...] = (),
    within: Range | None = None,
    length: Range | None = None,
    is_set: bool = False,
    when: When | None = None,
    **later: Any,
) -> Any:
    """Declare a field of a configuration, as dataclasses.field does.

    within: of the number, or of each number of a list; length: of the list. is_set: order and repetition of a list
    mean nothing. when: which configurations read the field; None = all whose method reads it.
    """
    carried: dict[str, Any] = {
        "says": says,
        "unit": unit,
        "choices": choices,
        "within": within,
        "length": length,
        "is_set": is_set,
    }
    carried |= {"when": when, **later}
    if isinstance(default, list | dict):
        return field(default_factory=lambda: type(default)(default), metadata=carried)
    return field(default=default, metadata=carried)
