"""What a sweep or search file and the command line say together of profile, seeds and base settings."""

from difflib import get_close_matches
from pathlib import Path
from typing import Protocol

from fpd_bench.config.compose import Override, parse
from fpd_bench.config.fields import check_name
from fpd_bench.config.sweeps.seeds import Seeds, check_seeds
from fpd_bench.config.sweeps.sweep_file import DEFAULT_PROFILE
from fpd_bench.config.sweeps.table_builder import refuse_seed
from fpd_bench.errors import ConfigError, UnknownName


class Profiled(Protocol):
    """A file with profiles and seeds."""

    @property
    def path(self) -> Path: ...
    @property
    def profiles(self) -> dict[str, list[str]]: ...
    @property
    def seeds(self) -> Seeds: ...


def override_of(given: list[Override], key: str) -> Override | None:
    """Find the override of this key."""
    return next((override for override in given if override.key == key), None)


def chosen_profile(file: Profiled, asked: Override | None) -> str:
    """Name the profile that is asked for, or the default one. Raises ConfigError."""
    known = set(file.profiles) or {DEFAULT_PROFILE}
    name = asked.texts[0].partition("=")[2] if asked else DEFAULT_PROFILE
    if asked is None and name not in known:
        names = ", ".join(sorted(known))
        near = get_close_matches(name, known, n=1)
        hint = f" Is '{near[0]}' a typing error?" if near else ""
        raise ConfigError(
            f"{file.path} has profiles ({names}), but not '{name}', the one that is used where none is named.{hint} "
            f"Name one, profile={sorted(known)[0]}, or write one: {name}: []"
        )
    if name not in known or (asked and asked.is_axis):
        raise UnknownName("profile", name, known, str(file.path))
    return name


def chosen_seeds(file: Profiled, asked: Override | None) -> Seeds:
    """Give the seeds that are asked for, or the file's. Raises ConfigError."""
    if asked is None:
        return file.seeds
    words = ",".join(text.partition("=")[2] for text in asked.texts).strip("[]")
    try:
        return Seeds(check_seeds([int(word) for word in words.split(",")], "the command line"))
    except ValueError:
        raise ConfigError(f"seeds must be whole numbers, like seeds=[0,1,2]; got {words!r}.") from None


def chosen_budget(asked: Override | None) -> str:
    """Name the budget that is asked for, `steps` if none is. Raises ConfigError for several at once."""
    if asked and asked.is_axis:
        raise ConfigError("budget has several values, which are several sweeps. Give it one: budget=flops.")
    return asked.texts[0].partition("=")[2] if asked else "steps"


def profile_overrides(file: Profiled, profile: str) -> list[str]:
    """List the profile's overrides, one value each. Raises ConfigError."""
    where = f"{file.path}, profile {profile}"
    overrides = parse(file.profiles.get(profile, []), where)
    for override in overrides:
        check_name(override.key, where)
        refuse_seed(override.key, where, "seeds: [0, 1]")
        if override.is_axis:
            raise ConfigError(f"{where}: '{override.key}' has several values. Only a grid may vary a field.")
    return [override.texts[0] for override in overrides]
