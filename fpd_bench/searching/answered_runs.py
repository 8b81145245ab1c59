"""Which prompts a run has answered, as types: what steers a search takes validation prompts, and nothing else fits.

Everything that ranks, races, prunes or proposes is given `ValidationRun`s; a run on the report's prompts cannot be made
one. `TestRun` is what confirms a winner.
"""

from dataclasses import dataclass
from typing import Any

from fpd_bench.config.searches.search_spec import TEST, VALIDATION
from fpd_bench.errors import ConfigError
from fpd_bench.store.query import Run


@dataclass(frozen=True)
class SuiteRun:
    """A run of the index and the prompts it has answered. Raises ConfigError if they are not those of the class."""

    run: Run
    split = ""

    def __post_init__(self) -> None:
        found = split_of(self.run.config)
        if found != self.split:
            raise ConfigError(
                f"Run {self.run.run_id} has answered '{found}' prompts, not '{self.split}' prompts: a search "
                "is steered by validation prompts only, and confirmed on test prompts only."
            )

    @property
    def run_id(self) -> str:
        return self.run.run_id

    @property
    def status(self) -> str:
        return self.run.status


@dataclass(frozen=True)
class ValidationRun(SuiteRun):
    """A run whose scores may steer a search."""

    split = VALIDATION


@dataclass(frozen=True)
class TestRun(SuiteRun):
    """A run whose scores stand in reports, and never in a study."""

    __test__ = False  # no test, whatever pytest thinks of its name
    split = TEST


def split_of(config: dict[str, Any]) -> str:
    """Give the prompts that a run's own record names; test prompts, where an old one names none."""
    return str((config.get("evaluation") or {}).get("split", TEST))


def need_validation(runs: object) -> None:
    """Refuse anything but ValidationRuns with a TypeError: the check behind the types, for code that has none."""
    for one in runs if isinstance(runs, list | tuple) else [runs]:
        if not isinstance(one, ValidationRun):
            raise TypeError(f"a search is steered by ValidationRuns only; got {type(one).__name__}")
