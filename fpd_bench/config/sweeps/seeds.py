"""The seeds of a sweep: a list, or looks at which more are added until a table's claims are decided.

seeds: [0, 1, 2]
seeds: {looks: [3, 5, 8], of: 16}        3 seeds first, then 5, 8 and 16 of the rows that open claims are about
seeds: {looks: [3, 5], of: [7, 8, 9, 10, 11]}
seeds: {until: decided}                  looks at 3, 5, 8 and 16 seeds
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from fpd_bench.config.schema import MOST_SEED
from fpd_bench.errors import ConfigError, UnknownName

USUAL_LOOKS = (3, 5, 8, 16)


@dataclass(frozen=True)
class Seeds:
    """numbers: all seeds that may be trained, in their order. looks: how many of them each look has; () where all are
    trained from the beginning."""

    numbers: tuple[int, ...]
    looks: tuple[int, ...] = ()


def read_seeds(given: Any, where: str) -> Seeds:
    """Read `seeds:` of a sweep file. Raises ConfigError and UnknownName, which say what may stand there."""
    if isinstance(given, list):
        return Seeds(check_seeds(given, where))
    where = f"{where}, seeds"
    for key in given:
        if key not in ("looks", "of", "until"):
            raise UnknownName("key", str(key), ("looks", "of", "until"), where)
    if "until" in given:
        return _until_decided(given, where)
    if "looks" not in given:
        raise ConfigError(f"{where} lacks 'looks'. Write {{looks: [3, 5, 8]}}, {{until: decided}} or a list of seeds.")
    looks = _looks(given["looks"], where)
    return _pool(looks, given.get("of", looks[-1]), where)


def check_seeds(seeds: list[Any], where: str) -> tuple[int, ...]:
    """Give distinct whole numbers >= 0, at least one, as a tuple. Raises ConfigError."""
    right = all(_is_whole_number(seed) and 0 <= seed <= MOST_SEED for seed in seeds)
    if not seeds or not right or len(set(seeds)) < len(seeds):
        raise ConfigError(
            f"{where}: seeds must be distinct whole numbers from 0 to {MOST_SEED}, like [0, 1, 2]; got {seeds}."
        )
    return tuple(int(seed) for seed in seeds)


def _until_decided(given: dict[str, Any], where: str) -> Seeds:
    if given != {"until": "decided"}:
        raise ConfigError(
            f"{where}: expected {{until: decided}} and no other key; got {given!r}. To choose the numbers of seeds "
            "yourself, write looks instead."
        )
    return Seeds(tuple(range(USUAL_LOOKS[-1])), USUAL_LOOKS)


def _looks(given: Any, where: str) -> tuple[int, ...]:
    looks = given if isinstance(given, list) else []
    if not looks or not all(map(_is_whole_number, looks)) or looks[0] < 2 or any(b <= a for a, b in pairwise(looks)):
        raise ConfigError(
            f"{where}: looks must be increasing numbers of seeds, the first 2 or more, like [3, 5, 8]; got {given!r}."
        )
    return tuple(looks)


def _pool(looks: tuple[int, ...], of: Any, where: str) -> Seeds:
    """Take the seeds that `of` gives, as their number or as a list; more of them than the last look are one more."""
    numbers = tuple(range(of)) if _is_whole_number(of) and of <= MOST_SEED else ()
    if isinstance(of, list):
        numbers = check_seeds(of, where)
    if len(numbers) < looks[-1]:
        raise ConfigError(
            f"{where}: 'of' must be a number of seeds or a list of seeds, at least {looks[-1]}, which the last "
            f"look needs; got {of!r}."
        )
    return Seeds(numbers, looks if len(numbers) == looks[-1] else (*looks, len(numbers)))


def _is_whole_number(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool)
