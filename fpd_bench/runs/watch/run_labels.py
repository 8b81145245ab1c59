"""What a run is called where no sweep names it: by what most of its kind here do not share. Needs no torch."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping
from itertools import chain
from typing import Any

from fpd_bench.config.describe import as_override

KIND = ("track.name", "method")  # said of every run
APART = ("seed", *KIND)
_MISSING = object()

Meaning = Mapping[str, Any]


def label_runs(meanings: Mapping[str, Meaning]) -> dict[str, str]:
    """Label runs by what they read, {run id: {field: value}}: 'shapes fpd estimator=soft seed 0'; '' for {}.

    A field is named unless more than half of the runs of that track and method have the same value: what is usual goes
    without saying, and of two runs that differ in a field at least one says so.
    """
    of_kind: dict[str, list[Meaning]] = defaultdict(list)
    for meaning in meanings.values():
        of_kind[_kind(meaning)].append(meaning)
    usual = {kind: _usual_values(runs) for kind, runs in of_kind.items()}
    return {run_id: _label(meaning, usual[_kind(meaning)]) for run_id, meaning in meanings.items()}


def _kind(meaning: Meaning) -> str:
    return " ".join(str(meaning[name]) for name in KIND if meaning.get(name))


def _usual_values(runs: list[Meaning]) -> dict[str, Hashable]:
    """Map each field that not all runs share to the value, told apart by `_told_apart`, that more than half of them
    have, or to None.
    """
    names = [name for name in dict.fromkeys(chain.from_iterable(runs)) if name not in APART]
    found: dict[str, Hashable] = {}
    for name in names:
        column = [meaning.get(name, _MISSING) for meaning in runs]
        if not _is_constant(column):
            counts = Counter(_told_apart(value) for value in column if value is not _MISSING)
            value, number = counts.most_common(1)[0]
            found[name] = value if number > len(runs) / 2 else None
    return found


def _label(meaning: Meaning, usual: Mapping[str, Hashable]) -> str:
    """Label a run by its fields in `usual` that have another value than that."""
    if not meaning:
        return ""
    differ = [name for name in meaning if name in usual]
    words = [f"{name}={as_override(meaning[name])}" for name in differ if usual[name] != _told_apart(meaning[name])]
    return " ".join(filter(None, [_kind(meaning), *words, f"seed {meaning.get('seed')}"]))


def _is_constant(column: list[Any]) -> bool:
    """Say whether all values are one scalar, as most columns of ten thousand runs are; it is quicker than counting."""
    first = column[0]
    if not isinstance(first, str | int | float | None) or column.count(first) < len(column):
        return False
    return len({*map(type, column)}) == 1


def _told_apart(value: Any) -> Hashable:
    """Return what is equal for equal values of equal type only: to Python, 1 is 1.0 and True."""
    kind = value.__class__
    return repr(value) if kind is list or kind is dict else (kind, value)
