"""Find the runs that the tables of sweep files need: of every profile, at any seed. Needs no torch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fpd_bench.config.identity import plugins, semantic
from fpd_bench.config.searches.search_file import is_search
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.config.sweeps.sweep_file import DEFAULT_PROFILE, read_sweep_file
from fpd_bench.config.sweeps.sweep_names import find_sweep, split_overrides
from fpd_bench.errors import ConfigError
from fpd_bench.records import layout

SWEEPS = Path("sweeps")
SEARCH = "search"  # beginning of the name of a file whose runs cannot be listed beforehand


@dataclass
class WantedRuns:
    """runs: ids that a table asks for. configurations: of those runs, the seed left out. unknown: files and
    profiles whose runs cannot be listed; while there are any, no run counts as unneeded."""

    runs: set[str] = field(default_factory=set)
    configurations: set[str] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)

    def is_wanted(self, folder: Path) -> bool:
        """Say whether a table may read this run: it asks for it, or would with one seed more."""
        identity = layout.read_identity(folder)
        return (
            folder.name in self.runs
            or _without_seed(identity["semantic"], identity.get("plugins")) in self.configurations
        )


def wanted_runs(words: Sequence[str]) -> WantedRuns:
    """Return the runs that the sweep files among `words` ask for, by default of all of sweeps/*.yaml; key=value words
    are overrides, which add runs. Raises ConfigError for a file that is wrong or not there, and if there is none."""
    named, overrides = split_overrides(words)
    files = [find_sweep(Path(word)) for word in named]
    files = files or sorted(SWEEPS.glob("*.yaml"))
    searches = [path for path in files if path.name.startswith(SEARCH) or is_search(path)]
    found = WantedRuns(unknown=[f"{path} (a search)" for path in searches])
    files = [path for path in files if path not in searches]
    if not files:
        raise ConfigError("There are no sweep files in 'sweeps/'. Name the sweep files whose runs must stay.")
    for path in files:
        for profile in read_sweep_file(path).profiles or [DEFAULT_PROFILE]:
            _add_profile(found, path, profile, overrides)
    return found


def _add_profile(found: WantedRuns, path: Path, profile: str, overrides: list[str]) -> None:
    chosen = [text for text in overrides if not text.startswith("profile=")]
    for extra in ([], chosen) if chosen else ([],):
        try:
            configs = load_sweep(path, [f"profile={profile}", *extra]).runs()
        except ConfigError as error:
            if profile == DEFAULT_PROFILE:
                raise
            found.unknown.append(f"{path} with profile={profile} ({error})")
            continue
        found.runs |= configs.keys()
        found.configurations |= {_without_seed(semantic(config), plugins(config)) for config in configs.values()}


def _without_seed(meaning: dict[str, Any], used: Any) -> str:
    return json.dumps([{name: value for name, value in meaning.items() if name != "seed"}, used], sort_keys=True)
