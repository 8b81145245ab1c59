"""A sweep file and command-line overrides -> tables of cells, each with its RunConfig. Needs no torch.

On the command line `profile=` picks a profile, `seeds=[0,1]` replaces the seeds and `budget=flops` the numbers of steps
(budget.py); any other key replaces the profile's value and, where it is one, that axis of every grid; one that no run
reads is refused. A grid that names one method keeps it: what the table compares with is not the command line's to
change. An axis that no grid of a table has (`optim.lr=1e-4,1e-3`) makes one copy of the table per value. Rows whose
choice the command line has made meaningless are left out.
"""

from collections.abc import Sequence
from pathlib import Path

from fpd_bench.config.compose import Override, parse
from fpd_bench.config.fields import EXECUTION, check_name, leaf
from fpd_bench.config.identity import is_read
from fpd_bench.config.sweeps.budget import in_budget
from fpd_bench.config.sweeps.cells import Cell, Row, Sweep, Table
from fpd_bench.config.sweeps.metric_check import check_metric
from fpd_bench.config.sweeps.profiles import chosen_budget, chosen_profile, chosen_seeds, override_of, profile_overrides
from fpd_bench.config.sweeps.sweep_file import Claim, read_sweep_file
from fpd_bench.config.sweeps.sweep_names import find_sweep
from fpd_bench.config.sweeps.table_builder import TableBuilder, refuse_execution_axis, refuse_seed
from fpd_bench.errors import ConfigError

__all__ = ["Cell", "Claim", "Row", "Sweep", "Table", "load_sweep"]


def load_sweep(path: str | Path, overrides: Sequence[str] = ()) -> Sweep:
    """Read a sweep file, or a sweep by its name, under a profile and overrides; look at no other file.

    Raises ConfigError, with the file and what is valid, for everything that can be known to be wrong beforehand.
    """
    file = read_sweep_file(find_sweep(path))
    given = parse(list(overrides), "the command line")
    profile = chosen_profile(file, override_of(given, "profile"))
    seeds = chosen_seeds(file, override_of(given, "seeds"))
    budget = chosen_budget(override_of(given, "budget"))
    given = [override for override in given if override.key not in ("profile", "seeds", "budget")]
    for override in given:
        check_name(override.key, "the command line")
        refuse_seed(override.key, "the command line", "seeds=[0,1]")
        refuse_execution_axis(override, "the command line")
    common = profile_overrides(file, profile)
    builders = [TableBuilder(file, spec, profile, common, given, seeds.numbers) for spec in file.tables]
    tables = tuple(table for builder in builders for table in builder.tables())
    sweep = Sweep(file.name, file.title, file.metric, seeds.numbers, profile, tables, file.path, seeds.looks)
    sweep = _without_idle_looks(sweep)
    check_metric(sweep)
    _refuse_unread(sweep, given)
    return in_budget(sweep, budget)


def _without_idle_looks(sweep: Sweep) -> Sweep:
    """Keep the first look only of rows that no claim is about: nothing can ask for more of their seeds."""
    if not sweep.looks:
        return sweep
    first = set(sweep.seeds[: sweep.looks[0]])
    claimed = {
        (table.id, row) for table in sweep.tables for claim in table.claims for row in (claim.better, claim.worse)
    }
    return sweep.only(lambda cell: cell.seed in first or (cell.table_id, cell.row_id) in claimed)


def _refuse_unread(sweep: Sweep, given: Sequence[Override]) -> None:
    """Refuse what the command line sets and no run reads: it was meant for another sweep, or another field was meant.

    A field of `execution` changes no number; of a preset's settings each run reads what is its own.
    """
    for one in given:
        if one.preset or one.key.startswith(f"{EXECUTION}."):
            continue
        if not any(is_read(cell.config, one.key) for cell in sweep.cells):
            values = "its values make" if one.is_axis else "its value makes"
            when = leaf(one.key).metadata["when"]
            where = f" It is read where {when.says}." if when else ""
            raise ConfigError(
                f"No run of {sweep.path} reads '{one.key}', so {values} no difference.{where} Leave it out."
            )
