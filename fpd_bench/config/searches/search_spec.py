"""A search file and command-line overrides -> the space, the settings of every trial, the baseline. Needs no torch.

On the command line `profile=` picks a profile, `seeds=[100,101]` replaces the seeds of the trials,
`gan.weight=interval(0,1)` replaces or adds a dimension, `gan.weight=0.1` takes it out of the space, any other key=value
sets a field of every trial, and `search.trials=`, `search.parallel=`, `search.sampler=` replace those of the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fpd_bench.config.check import check
from fpd_bench.config.compose import compose, parse
from fpd_bench.config.fields import assign, check_name, leaves
from fpd_bench.config.identity import run_id, trains
from fpd_bench.config.schema import RunConfig
from fpd_bench.config.searches.search_axes import Dimension
from fpd_bench.config.searches.search_file import Race, SearchFile, check_sampler, count, read_search_file
from fpd_bench.config.searches.search_grammar import dimension, is_axis
from fpd_bench.config.searches.search_probe import probe
from fpd_bench.config.sweeps.cells import Cell, Sweep, Table
from fpd_bench.config.sweeps.metric_check import check_metric
from fpd_bench.config.sweeps.profiles import chosen_profile, chosen_seeds, override_of, profile_overrides
from fpd_bench.config.sweeps.sweep_names import find_sweep
from fpd_bench.config.sweeps.table_builder import refuse_seed
from fpd_bench.errors import ConfigError, UnknownName

OWN = ("search.trials", "search.parallel", "search.sampler")
VALIDATION, TEST = "validation", "test"


@dataclass(frozen=True)
class Search:
    """Everything a search file asks for under one profile. base: of every trial, on validation prompts; baseline: the
    setting that the winner is compared with; parallel: trials that are asked together; placed: params of the runs that
    were looked at (history.py)."""

    file: SearchFile
    profile: str
    seeds: tuple[int, ...]
    space: tuple[Dimension, ...]
    base: RunConfig
    baseline: RunConfig
    sampler: str
    trials: int
    parallel: int
    placed: dict[str, dict[str, Any] | None] = field(init=False, compare=False, repr=False, default_factory=dict)

    @property
    def name(self) -> str:
        """Give the study's name: another profile is another study."""
        return f"{self.file.name}@{self.profile}"

    @property
    def race(self) -> Race:
        return self.file.race

    def config(self, params: dict[str, Any], seed: int) -> RunConfig:
        """Give the configuration of a trial on validation prompts. params: {field: value} of its active dimensions."""
        config = compose([], self.base)
        for name, found in params.items():
            assign(config, name, found)
        config.seed = seed
        return config


def load_search(path: str | Path, overrides: Sequence[str] = ()) -> Search:
    """Read a search file under a profile and overrides. Raises ConfigError, one line, for all that can be wrong."""
    file = read_search_file(find_sweep(path))
    axes = {text.partition("=")[0]: text.partition("=")[2] for text in overrides if is_axis(text.partition("=")[2])}
    own = [text for text in overrides if text.partition("=")[0].startswith("search.")]
    rest = [text for text in overrides if text not in own and text.partition("=")[0] not in axes]
    given = parse(rest, "the command line")
    profile, seeds = (
        chosen_profile(file, override_of(given, "profile")),
        chosen_seeds(file, override_of(given, "seeds")).numbers,
    )
    fixed = [one for one in given if one.key not in ("profile", "seeds")]
    for one in fixed:
        check_name(one.key, "the command line")
        refuse_seed(one.key, "the command line", "seeds=[100,101]")
        if one.is_axis:
            raise ConfigError(f"'{one.key}' has several values on the command line. Write {one.key}='choice(a,b)'.")
    texts = profile_overrides(file, profile) + [one.texts[0] for one in fixed]
    _refuse_split(texts, str(file.path))
    space = _space(file, profile, axes, {one.key for one in fixed})
    base = _on_validation(compose(texts))
    search = Search(
        file, profile, seeds, space, base, _on_validation(_baseline(file, profile, base)), *_sizes(file, own)
    )
    _check(search)
    return search


def _space(file: SearchFile, profile: str, axes: dict[str, str], fixed: set[str]) -> tuple[Dimension, ...]:
    written: Any = file.space
    if written and set(written) <= set(file.profiles):
        if profile not in written:
            raise UnknownName("profile", profile, written, f"{file.path}, space")
        written = written[profile]
    if not isinstance(written, dict):
        raise ConfigError(f"{file.path}: the space must be a mapping of field: values; got {written!r}.")
    found = []
    for name, entry in {**written, **axes}.items():
        if name in fixed:
            continue
        where = "the command line" if name in axes else f"{file.path}, space"
        odd = set(entry) - {"axis", "if"} if isinstance(entry, dict) else set()
        if odd and str(name) not in leaves():
            raise UnknownName("field or profile", str(name), {*file.profiles, *leaves()}, where)
        if odd:
            raise UnknownName("key", str(min(odd, key=str)), ("axis", "if"), f"{where}, {name}")
        text, condition = (entry.get("axis"), entry.get("if")) if isinstance(entry, dict) else (entry, None)
        found.append(dimension(str(name), text, condition, where))
    if not found:
        raise ConfigError(f"{file.path}: the space is empty, so there is nothing to search. Write at least one field.")
    return tuple(found)


def _baseline(file: SearchFile, profile: str, base: RunConfig) -> RunConfig:
    written = file.baseline
    if isinstance(written, dict):
        if profile not in written:
            raise UnknownName("profile", profile, written, f"{file.path}, baseline")
        written = written[profile]
    overrides = parse(written, f"{file.path}, baseline")
    if several := next((one for one in overrides if one.is_axis), None):
        raise ConfigError(
            f"{file.path}, baseline: '{several.key}' has several values, but the baseline is one setting. Give it "
            "one value."
        )
    _refuse_split([one.texts[0] for one in overrides], f"{file.path}, baseline")
    return compose([one.texts[0] for one in overrides], base)


def _refuse_split(texts: Sequence[str], where: str) -> None:
    if split := next((text for text in texts if text.startswith("evaluation.split=")), None):
        raise ConfigError(f"{where}: a search sets {split.partition('=')[0]} itself. Leave '{split}' out.")


def _on_validation(config: RunConfig) -> RunConfig:
    config.evaluation.split = VALIDATION
    return config


def _sizes(file: SearchFile, own: list[str]) -> tuple[str, int, int]:
    """Give (sampler, trials, parallel), as the command line has them or the file."""
    found: dict[str, str] = {}
    for text in own:
        key, _, word = text.partition("=")
        if key not in OWN:
            raise UnknownName("field", key, OWN, "the command line")
        found[key] = word

    def number(key: str, default: int) -> int:
        word = found.get(key)
        if word is None:
            return default
        return count(int(word) if word.isdecimal() else word, key, "the command line")

    sampler = check_sampler(found.get("search.sampler", file.sampler), "the command line")
    return sampler, number("search.trials", file.trials), number("search.parallel", file.parallel)


def _check(search: Search) -> None:
    """Raise ConfigError for a space, a baseline or steps that no run could have."""
    file, base = search.file, search.base
    if shared := sorted(set(search.seeds) & set(file.confirm)):
        raise ConfigError(
            f"{file.path}: seed {shared[0]} stands both in seeds and in confirm.seeds. A winner is confirmed on "
            "seeds that had no part in choosing it: remove the seed from one of the two."
        )
    check(search.baseline)
    cell = Cell("trials", "baseline", search.seeds[0], search.baseline, run_id(search.baseline))
    table = Table("trials", "", (), None, (), (cell,))
    check_metric(Sweep(file.name, file.title, file.metric, search.seeds, search.profile, (table,), file.path))
    probe(search.space, base, f"{file.path}, space")
    if not search.race.steps:
        return
    if any(one.field == "optim.steps" for one in search.space):
        raise ConfigError(
            f"{file.path}: race.steps pauses trainings that all have the same length. Search either of the two: "
            "race.steps or optim.steps."
        )
    if not trains(base) or search.race.steps[-1] >= base.optim.steps:
        raise ConfigError(
            f"{file.path}: race.steps must be below optim.steps={base.optim.steps}, of a method that trains; "
            f"got {list(search.race.steps)}."
        )
