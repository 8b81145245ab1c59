"""Optuna's samplers by name. Each is made anew for each question, from the study's name and the number of the trial."""

import hashlib
from collections.abc import Callable

from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from fpd_bench.config.searches.search_axes import Choice, Subset
from fpd_bench.config.searches.search_spec import Search
from fpd_bench.errors import ConfigError

MOST = {"gp": 500, "cmaes": 1000, "nsga2": 1000}  # trials, beyond which a question takes seconds
GP_TRIALS = 200  # up to so many a Gaussian process is fitted in about a second; beyond, TPE (docs/search.md)
REPLAYED = ("cmaes", "nsga2")  # whose own state lies in the trials they asked for: the study is asked through again


def seed_of(search: Search, number: int, again: int = 0) -> int:
    """Hash the study's name, the trial's number and how often it has been asked for to a number in [0, 2**31)."""
    digest = hashlib.sha256(f"{search.name}/{number}/{again}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def chosen(search: Search) -> str:
    """Name the sampler; `auto` is a Gaussian process for small searches without conditions or pauses, else TPE."""
    if search.sampler != "auto":
        return search.sampler
    small = search.trials <= GP_TRIALS and not search.race.steps
    return "gp" if small and not any(one.condition for one in search.space) else "tpe"


def make(search: Search, seed: int) -> BaseSampler:
    """Give the sampler of the search. Raises ConfigError if it cannot search this space."""
    makers: dict[str, Callable[[], BaseSampler]] = {
        # `group` learns conditional dimensions together with those that they depend on.
        "tpe": lambda: TPESampler(seed=seed, multivariate=True, group=any(one.condition for one in search.space)),
        "gp": lambda: GPSampler(seed=seed, deterministic_objective=False),
        "random": lambda: RandomSampler(seed=seed),
        "cmaes": lambda: CmaEsSampler(seed=seed),
        "nsga2": lambda: NSGAIISampler(seed=seed, population_size=max(8, min(50, search.trials // 5))),
    }
    return makers[chosen(search)]()


def check_sampler(search: Search) -> None:
    """Raise ConfigError if the sampler cannot search this space, these objectives or so many trials."""
    name = chosen(search)
    if name == "cmaes" and len(search.file.objectives) > 1:
        raise ConfigError("The sampler cmaes takes one objective only. Use search.sampler=nsga2, tpe or gp.")
    if name == "cmaes" and all(isinstance(one.axis, Choice | Subset) for one in search.space):
        raise ConfigError(
            "The sampler cmaes needs numbers, but the space has only choices and subsets. Use search.sampler=tpe."
        )
    if search.trials > MOST.get(name, search.trials):
        raise ConfigError(
            f"The sampler {name} is for up to {MOST[name]} trials, beyond which asking takes too long; got "
            f"{search.trials}. Use search.sampler=tpe or search.trials={MOST[name]}."
        )
