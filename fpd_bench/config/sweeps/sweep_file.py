"""A sweep's YAML as checked dataclasses: what is written, before profiles and grids are worked out."""

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fpd_bench import metrics
from fpd_bench.config.mapping_reader import MappingReader, as_written
from fpd_bench.config.sweeps.seeds import Seeds, read_seeds
from fpd_bench.config.sweeps.sweep_names import names
from fpd_bench.config.written import read_yaml
from fpd_bench.errors import ConfigError, UnknownName

DEFAULT_PROFILE = "embedded"
COLUMNS = (
    "Row", "SD seeds", "Seeds", "Images", "p", "Of teacher", "Diversity", "Published", "Published Δ",
    "Ours - published",
)  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """Row `better` scores higher than row `worse`, says the paper; with a margin, no worse than by so much."""

    better: str
    worse: str
    text: str
    margin: float = 0.0  # in the metric's units


@dataclass(frozen=True)
class RowSpec:
    """A row selects cells by the values of their configuration; per profile if `where` has a profile's name as key.

    where None: no cells. published: the paper's numbers by metric; shown: words for columns of their own; in_budget:
    overrides, or {profile: overrides}, that hold under budget=flops or seconds only.
    """

    id: str
    label: str
    where: dict[str, Any] | None
    published: dict[str, float] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    in_budget: Any = ()


@dataclass(frozen=True)
class TableSpec:
    """grid: override lists, a union of products; or {profile: such a list}. settings: overrides for all of it.

    front: the column of `shown` whose words name the methods of a quality-diversity front; '' = the table is none.
    budget_of: the row whose cost of training the others get under budget=flops or seconds; '' = no such budget.
    """

    id: str
    caption: str
    grid: Any
    rows: tuple[RowSpec, ...]
    baseline: str | None
    claims: tuple[Claim, ...]
    front: str = ""
    settings: tuple[str, ...] = ()
    budget_of: str = ""


@dataclass(frozen=True)
class SweepFile:
    """The file as a whole. profiles: {name: overrides}."""

    path: Path
    name: str
    title: str
    metric: str
    seeds: Seeds
    profiles: dict[str, list[str]] = field(default_factory=dict)
    tables: tuple[TableSpec, ...] = ()


def read_sweep_file(path: Path) -> SweepFile:
    """Read a sweep file. Raises ConfigError, one line, for a missing file, one that is no sweep, and unknown keys."""
    found = load_yaml(path)
    if isinstance(found, dict) and "space" in found:
        raise ConfigError(f"{path} is a search, not a sweep. Run: python -m fpd_bench.search {path}")
    top = MappingReader(found, str(path))
    metric = top.text("metric", metrics.OVERALL)
    metrics.get(metric, str(path))
    profiles = read_profiles(top, path)
    tables = [_read_table(entry, f"{path}, table {n + 1}", metric) for n, entry in enumerate(top.get("tables", list))]
    if not tables:
        raise ConfigError(f"{path} has no tables. Write at least one under tables:.")
    _refuse_repeats([table.id for table in tables], "table id", str(path))
    name = top.text("name", path.stem)
    seeds = read_seeds(top.get("seeds", (list, dict), [0]), str(path))
    read = SweepFile(path, name, top.text("title", name), metric, seeds, profiles, tuple(tables))
    top.finish()
    return read


def read_profiles(top: MappingReader, path: Path) -> dict[str, list[str]]:
    """Take {name: overrides} from the top of a file. Raises ConfigError."""
    profiles: dict[str, list[str]] = top.get("profiles", dict, {})
    for name, overrides in profiles.items():
        if not isinstance(name, str):
            raise ConfigError(f"{path}: a profile's name must be text; got {name!r}. Quote it.")
        if not isinstance(overrides, list):
            raise ConfigError(f"{path}: profile '{name}' must be a list of overrides; got {overrides!r}.")
    return profiles


def load_yaml(path: Path) -> Any:
    """Read a sweep or search file. Raises ConfigError, one line."""
    if not path.is_file():
        folders = (path.parent, Path("sweeps"))
        near = next((found for one in folders if (found := sorted(map(str, one.glob("*.yaml"))))), names())
        raise ConfigError(f"No sweep file '{path}'. Available: {', '.join(near) or 'none'}.")
    return read_yaml(path)


def _read_table(entry: Any, where: str, metric: str) -> TableSpec:
    reader = MappingReader(entry, where)
    ident = reader.text("id")
    rows = tuple(_read_row(row, f"{where}, row {n + 1}", metric) for n, row in enumerate(reader.get("rows", list, [])))
    _refuse_repeats([row.id for row in rows], "row id", where)
    _refuse_repeats([row.label for row in rows], "row label", where)
    claims = tuple(_read_claim(claim, where) for claim in reader.get("claims", list, []))
    baseline, budget_of = reader.text("baseline", "") or None, reader.text("budget_of", "")
    known = [row.id for row in rows]
    named = [name for name in (baseline, budget_of) if name]
    for name in [*named, *(row for claim in claims for row in (claim.better, claim.worse))]:
        if name not in known:
            raise UnknownName("row", name, known, where)
    if any(row.id == budget_of and row.in_budget for row in rows):
        raise ConfigError(f"{where}: row '{budget_of}' is the one whose cost the others get. Leave out its in_budget.")
    front = reader.text("front", "")
    lacking = [row.id for row in rows if front not in row.shown] if front else []
    if lacking:
        raise ConfigError(
            f"{where}: front: {front} sorts rows by their word in the column '{front}', but row '{lacking[0]}' "
            f"has none. Write in that row shown: {{{front}: its method}}."
        )
    grid = reader.get("grid", (list, dict))
    settings = tuple(reader.get("settings", list, []))
    table = TableSpec(ident, reader.text("caption", ident), grid, rows, baseline, claims, front, settings, budget_of)
    reader.finish()
    return table


def _read_row(entry: Any, where: str, metric: str) -> RowSpec:
    reader = MappingReader(entry, where)
    ident = reader.text("id")
    published = _read_published(reader.get("published", (int, float, dict), {}), where, metric)
    shown = {
        as_written(name): _read_word(word, f"{where}, shown") for name, word in reader.get("shown", dict, {}).items()
    }
    taken = sorted(
        {name for name in shown if name in COLUMNS or name.startswith("Δ")}
        | (set(shown) & _metric_headings() if shown else set())
    )
    if taken:
        raise ConfigError(f"{where}, shown: '{taken[0]}' is a column of every table. Give yours another name.")
    label, selected = reader.text("label", ident), reader.get("where", dict, None)
    row = RowSpec(ident, label, selected, published, shown, reader.get("in_budget", (list, dict), ()))
    reader.finish()
    if row.where is None and not published:
        raise ConfigError(f"{where}: a row needs 'where', or published numbers that can be shown without runs.")
    return row


def _metric_headings() -> set[str]:
    """List what tables write over the numbers of a metric."""
    return {
        word
        for name in metrics.known()
        for word in (metrics.get_or_plain(name).label, metrics.get_or_plain(name).heading)
    }


def _read_word(found: Any, where: str) -> str:
    if isinstance(found, str | int | float) and not isinstance(found, bool):
        return as_written(found)
    raise ConfigError(f"{where}: a word must be text; got {found!r}. Quote it.")


def _read_published(given: Any, where: str, metric: str) -> dict[str, float]:
    """Read published numbers: one number is of the sweep's metric; a mapping names the metrics."""
    numbers = given if isinstance(given, dict) else {metric: given}
    for name, number in numbers.items():
        metrics.check(name, f"{where}, published")
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ConfigError(f"{where}: published {name} must be a number; got {number!r}.")
        metrics.check_number(name, number, f"{where}: published {name}")
    return numbers


def _read_claim(entry: Any, where: str) -> Claim:
    reader = MappingReader(entry, f"{where}, claims")
    better, worse = reader.text("better"), reader.text("worse")
    if better == worse:
        raise ConfigError(f"{where}: a claim compares row '{better}' with itself. Name two rows.")
    margin = reader.get("margin", (int, float), 0.0)
    if not 0 <= margin < math.inf:
        raise ConfigError(f"{where}: a claim's margin must be 0 or more, in units of the metric; got {margin!r}.")
    says = f"{better} > {worse}" if margin == 0 else f"{better} is no worse than {worse}"
    claim = Claim(better, worse, reader.text("text", says), float(margin))
    reader.finish()
    return claim


def _refuse_repeats(names: list[str], kind: str, where: str) -> None:
    twice = sorted(name for name, n in Counter(names).items() if n > 1)
    if twice:
        raise ConfigError(f"{where}: {kind} '{twice[0]}' is used twice.")
