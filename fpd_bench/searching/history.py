"""The trials of a search as the index knows them, in the order in which they were begun.

A run is a trial's if the search would give it that very run id: whoever made it, it counts.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

from fpd_bench.config.compose import compose
from fpd_bench.config.fields import assign, canonical, well_typed
from fpd_bench.config.identity import run_id
from fpd_bench.config.schema import RunConfig
from fpd_bench.config.searches.search_axes import active
from fpd_bench.config.searches.search_spec import VALIDATION, Search
from fpd_bench.searching.answered_runs import ValidationRun, split_of
from fpd_bench.store.query import Run, Store


@dataclass(frozen=True)
class Trial:
    """A configuration and its runs so far, by seed. params: {field: value} of its active dimensions."""

    number: int
    params: dict[str, Any]
    runs: dict[int, ValidationRun]

    @property
    def label(self) -> str:
        """Give the trial in words."""
        return f"trial {self.number}: " + ", ".join(f"{name}={as_text(found)}" for name, found in self.params.items())


def as_text(found: Any) -> str:
    """Give a value as an override has it."""
    if isinstance(found, list):
        return "[" + ",".join(map(as_text, found)) + "]"
    if isinstance(found, bool):
        return str(found).lower()
    return f"{found:.6g}" if isinstance(found, float) else str(found)


def history(search: Search, store: Store) -> list[Trial]:
    """Give the trials: all configurations of the space with a run at the first seed of the search."""
    found: dict[str, tuple[dict[str, Any], dict[int, Run]]] = {}
    for run in store.runs().values():
        params = _params(search, run) if _may_be_one(search, run) else None
        if params is not None:
            found.setdefault(repr(params), (params, {}))[1][run.config["seed"]] = run
    first = search.seeds[0]
    begun = [
        (runs[first].created, runs[first].run_id, params, runs) for params, runs in found.values() if first in runs
    ]
    trials = []
    for number, (_, _, params, runs) in enumerate(sorted(begun, key=lambda one: one[:2])):
        mine = {seed: ValidationRun(runs[seed]) for seed in search.seeds if seed in runs}
        trials.append(Trial(number, params, mine))
    return trials


def _params(search: Search, run: Run) -> dict[str, Any] | None:
    """Give {field: value} of the trial that the run belongs to; None if it is nobody's. Worked out once for a search,
    for a run id says all that this depends on."""
    if run.run_id not in search.placed:
        found = placed(search, run.config, run.config["seed"])
        mine = found is not None and run_id(found[1]) == run.run_id
        search.placed[run.run_id] = found[0] if found is not None and mine else None
    return search.placed[run.run_id]


def _may_be_one(search: Search, run: Run) -> bool:
    """Give a quick look, before the run's id is worked out."""
    config = run.config
    return (
        split_of(config) == VALIDATION
        and config.get("seed") in search.seeds
        and config.get("method") is not None
        and (config.get("track") or {}).get("name") == search.base.track.name
    )


def placed(search: Search, found: dict[str, Any], seed: int) -> tuple[dict[str, Any], RunConfig] | None:
    """Find a recorded configuration's place in the space: ({field: value} of its active dimensions, the configuration
    that a trial has there at this seed); None if it has none."""
    config, params = compose([], search.base), {}
    config.seed = seed
    for one in search.space:
        if not active(one, config):
            continue
        value = canonical(one.field, _lookup(found, one.field))
        if not well_typed(one.field, value) or not one.axis.holds(value):
            return None
        params[one.field] = value
        assign(config, one.field, value)
    return params, config


def baseline_params(search: Search) -> dict[str, Any] | None:
    """Give {field: value} of the baseline, if it is a configuration of the space."""
    found = placed(search, asdict(search.baseline), search.seeds[0])
    mine = run_id(replace(search.baseline, seed=search.seeds[0]))
    return found[0] if found is not None and run_id(found[1]) == mine else None


def _lookup(found: Any, name: str) -> Any:
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
