"""A sweep file and command-line overrides -> tables of cells, each with its RunConfig. Needs no torch.

On the command line `profile=` picks a profile and `seeds=[0,1]` replaces the seeds; any other key replaces the
profile's value and, where it is one, that axis of every grid. A grid that names one method keeps it: what the table
compares with is not the command line's to change. An axis that no grid of a table has (`optim.lr=1e-4,1e-3`) makes one
copy of the table per value. Rows whose choice the command line has made meaningless are left out.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from fpd_bench.config.cells import Cell, Row, Sweep, Table
from fpd_bench.config.compose import Override, compose_base, parse
from fpd_bench.config.fields import check_name
from fpd_bench.config.identity import reads
from fpd_bench.config.metric_check import check_metric
from fpd_bench.config.seeds import Seeds, check_seeds
from fpd_bench.config.sweep_file import DEFAULT_PROFILE, Claim, SweepFile, read_sweep_file
from fpd_bench.config.table_builder import TableBuilder, refuse_execution_axis, refuse_seed
from fpd_bench.errors import ConfigError, UnknownName

__all__ = ["Cell", "Claim", "Row", "Sweep", "Table", "load_sweep"]


def load_sweep(path: str | Path, overrides: Sequence[str] = ()) -> Sweep:
    """Read a sweep file under a profile and overrides; looks at no other file.

    Raises ConfigError, with the file and what is valid, for everything that can be known to be wrong beforehand.
    """
    file = read_sweep_file(Path(path))
    given = parse(list(overrides), "the command line")
    profile = _chosen_profile(file, _override_of(given, "profile"))
    seeds = _chosen_seeds(file, _override_of(given, "seeds"))
    given = [override for override in given if override.key not in ("profile", "seeds")]
    for override in given:
        check_name(override.key, "the command line")
        refuse_seed(override.key, "the command line", "seeds=[0,1]")
        refuse_execution_axis(override, "the command line")
    base = compose_base(_profile_overrides(file, profile))
    builders = [TableBuilder(file, spec, profile, base, given, seeds.numbers) for spec in file.tables]
    tables = tuple(table for builder in builders for table in builder.tables())
    sweep = Sweep(file.name, file.title, file.metric, seeds.numbers, profile, tables, file.path, seeds.looks)
    sweep = _without_idle_looks(sweep)
    check_metric(sweep)
    _refuse_unread_axes(sweep, [override.key for override in given if override.is_axis])
    return sweep


def _without_idle_looks(sweep: Sweep) -> Sweep:
    """Keep the first look only of rows that no claim is about: nothing can ask for more of their seeds."""
    if not sweep.looks:
        return sweep
    first = set(sweep.seeds[: sweep.looks[0]])
    claimed = {
        (table.id, row) for table in sweep.tables for claim in table.claims for row in (claim.better, claim.worse)
    }
    return sweep.only(lambda cell: cell.seed in first or (cell.table_id, cell.row_id) in claimed)


def _refuse_unread_axes(sweep: Sweep, keys: list[str]) -> None:
    """Refuse an axis of the command line that changes nothing in any table: it was meant for another sweep."""
    for key in keys:
        if not any(key in reads(cell.config) for cell in sweep.cells):
            raise ConfigError(f"No run of {sweep.path} reads '{key}', so its values make no difference. Leave it out.")


def _override_of(given: list[Override], key: str) -> Override | None:
    return next((override for override in given if override.key == key), None)


def _chosen_profile(file: SweepFile, asked: Override | None) -> str:
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


def _chosen_seeds(file: SweepFile, asked: Override | None) -> Seeds:
    if asked is None:
        return file.seeds
    words = ",".join(text.partition("=")[2] for text in asked.texts).strip("[]")
    try:
        return Seeds(check_seeds([int(word) for word in words.split(",")], "the command line"))
    except ValueError:
        raise ConfigError(f"seeds must be whole numbers, like seeds=[0,1,2]; got {words!r}.") from None


def _profile_overrides(file: SweepFile, profile: str) -> list[str]:
    where = f"{file.path}, profile {profile}"
    overrides = parse(file.profiles.get(profile, []), where)
    for override in overrides:
        check_name(override.key, where)
        refuse_seed(override.key, where, "seeds: [0, 1]")
        if override.is_axis:
            raise ConfigError(f"{where}: '{override.key}' has several values. Only a grid may vary a field.")
    return [override.texts[0] for override in overrides]
