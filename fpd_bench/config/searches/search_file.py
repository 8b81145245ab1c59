"""A search's YAML as checked dataclasses: what is written, before the profile and the space are worked out."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fpd_bench import metrics
from fpd_bench.config.mapping_reader import MappingReader
from fpd_bench.config.sweeps.seeds import Seeds, check_seeds
from fpd_bench.config.sweeps.sweep_file import load_yaml, read_profiles
from fpd_bench.config.sweeps.sweep_names import find_sweep
from fpd_bench.errors import ConfigError, UnknownName

SAMPLERS = ("auto", "tpe", "gp", "random", "cmaes", "nsga2")
HALF = 0.5  # of the teacher's diversity, below which the reports call a row collapsed
COSTS = {  # what a trial can cost: name: what is meant; less is better
    "step_s": "seconds of a training step",
    "run_s": "seconds of a whole run",
    "memory_gb": "GB at the peak of the training",
}


@dataclass(frozen=True)
class Race:
    """How trials earn more. keep: the best 1 / keep of a level may go on; p: Wilcoxon's level at which a trial is given
    up against the best one on the same prompts (0 = never); steps: of the training, at which a run is paused first."""

    keep: int = 3
    p: float = 0.1
    steps: tuple[int, ...] = ()


@dataclass(frozen=True)
class SearchFile:
    """The file as a whole. space, baseline: as written, or {profile: as written}; seeds: of the trials; diversity: the
    share of the teacher's that a winner keeps at least, 0 = whatever."""

    path: Path
    name: str
    title: str
    metric: str
    seeds: Seeds
    profiles: dict[str, list[str]]
    space: dict[str, Any]
    baseline: Any
    sampler: str
    trials: int
    parallel: int
    race: Race
    objectives: tuple[str, ...]
    limits: dict[str, float] = field(default_factory=dict)
    confirm: tuple[int, ...] = ()
    diversity: float = HALF


def is_search(path: Path) -> bool:
    """Say whether a file is a search and no sweep; False for one that cannot be read, which others tell."""
    try:
        found = load_yaml(find_sweep(path))
    except ConfigError:
        return False
    return isinstance(found, dict) and "space" in found


def read_search_file(path: Path) -> SearchFile:
    """Read a search file. Raises ConfigError, one line, for a missing file, one that is no search, and unknown keys."""
    top = MappingReader(load_yaml(path), str(path))
    name, metric = top.text("name", path.stem), top.text("metric", metrics.OVERALL)
    metrics.get(metric, str(path))
    found = SearchFile(
        path,
        name,
        top.text("title", name),
        metric,
        Seeds(check_seeds(top.get("seeds", list), f"{path}, seeds")),
        read_profiles(top, path),
        top.get("space", dict),
        top.get("baseline", (list, dict), []),
        check_sampler(top.text("sampler", "auto"), str(path)),
        count(top.get("trials", int), "trials", str(path)),
        count(top.get("parallel", int, 1), "parallel", str(path)),
        _race(top.get("race", dict, {}), f"{path}, race"),
        _objectives(top.get("objectives", list, [metric]), metric, str(path)),
        _limits(top.get("limits", dict, {}), f"{path}, limits"),
        _confirm(top.get("confirm", dict, {}), f"{path}, confirm"),
        _share(top.get("diversity", (int, float), HALF), str(path)),
    )
    top.finish()
    return found


def check_sampler(name: str, where: str) -> str:
    """Raise UnknownName unless it is a sampler."""
    if name not in SAMPLERS:
        raise UnknownName("sampler", name, SAMPLERS, where)
    return name


def count(found: Any, what: str, where: str) -> int:
    """Give a whole number of 1 or more. Raises ConfigError."""
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise ConfigError(f"{where}: {what} must be a whole number of 1 or more; got {found!r}.")
    return int(found)


def _race(entry: dict[str, Any], where: str) -> Race:
    reader = MappingReader(entry, where)
    keep, p = reader.get("keep", int, Race.keep), reader.get("p", (int, float), Race.p)
    steps = [count(one, "a step", where) for one in reader.get("steps", list, [])]
    reader.finish()
    if keep < 2:
        raise ConfigError(f"{where}: keep must be 2 or more (the best 1/keep of the trials go on); got {keep}.")
    if not 0 <= p < 1:
        raise ConfigError(
            f"{where}: p must be a significance level in [0, 1), where 0 stops no trial early; got {p:g}."
        )
    if steps != sorted(set(steps)):
        raise ConfigError(f"{where}: steps must be in increasing order, like [75, 150]; got {steps}.")
    return Race(int(keep), float(p), tuple(steps))


def _objectives(entry: list[Any], metric: str, where: str) -> tuple[str, ...]:
    names = tuple(map(str, entry))
    for name in names:
        if name not in COSTS:
            metrics.get(name, f"{where}, objectives")
    if not names or names[0] != metric or len(set(names)) < len(names):
        raise ConfigError(f"{where}: objectives must differ and begin with the metric '{metric}'; got {list(names)}.")
    return names


def _limits(entry: dict[Any, Any], where: str) -> dict[str, float]:
    for name, most in entry.items():
        if name not in COSTS:
            raise UnknownName("cost", str(name), COSTS, where)
        if isinstance(most, bool) or not isinstance(most, int | float) or not 0 < most < math.inf:
            raise ConfigError(f"{where}: the limit of {name} must be a number above 0; got {most!r}.")
    return {name: float(most) for name, most in entry.items()}


def _confirm(entry: dict[str, Any], where: str) -> tuple[int, ...]:
    reader = MappingReader(entry, where)
    seeds = reader.get("seeds", list, [])
    reader.finish()
    return check_seeds(seeds, where) if seeds else ()


def _share(found: Any, where: str) -> float:
    if isinstance(found, bool) or not 0 <= found <= 1:
        raise ConfigError(f"{where}: diversity is a share of the teacher's, from 0 (whatever) to 1; got {found!r}.")
    return float(found)
