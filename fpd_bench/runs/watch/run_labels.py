"""What a run is called where no sweep names it: by what most of its kind here do not share. Needs no torch."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from fpd_bench.config.describe import as_override

KIND = ("track.name", "method")  # said of every run
APART = ("seed", *KIND)

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


def _usual_values(runs: list[Meaning]) -> dict[str, str]:
    """Map each field to the value, as JSON, that more than half of the runs have."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for meaning in runs:
        for name, value in meaning.items():
            counts[name][_text(value)] += 1
    most = {name: count.most_common(1)[0] for name, count in counts.items()}
    return {name: text for name, (text, number) in most.items() if number > len(runs) / 2}


def _label(meaning: Meaning, usual: Mapping[str, str]) -> str:
    if not meaning:
        return ""
    unusual = [name for name in meaning if name not in APART and usual.get(name) != _text(meaning[name])]
    words = [f"{name}={as_override(meaning[name])}" for name in unusual]
    return " ".join(filter(None, [_kind(meaning), *words, f"seed {meaning.get('seed')}"]))


def _text(value: Any) -> str:
    """Write a value as JSON; the same few come again in ten thousand runs."""
    return json.dumps(value) if isinstance(value, list | dict) else _text_of_scalar(value)


@lru_cache(maxsize=4096, typed=True)
def _text_of_scalar(value: Any) -> str:
    return json.dumps(value)
