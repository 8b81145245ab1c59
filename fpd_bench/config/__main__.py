"""Look at a configuration: a row of a sweep with where each value comes from, the fields there are, a file's schema.

    python -m fpd_bench.config table3                        the rows there are
    python -m fpd_bench.config table3 a/ste                  one of them, resolved: what its runs read
    python -m fpd_bench.config table3 a/ste optim.steps=2000 profile=paper
    python -m fpd_bench.config table3 a/ste --all            also what its runs do not read
    python -m fpd_bench.config --fields drift                default, values, unit and meaning of a group's fields
    python -m fpd_bench.config --schema > sweep.schema.json  for editors: # yaml-language-server: $schema=...

Exit code: 0 shown, 2 the request is wrong.
"""

import argparse
import json
from collections.abc import Sequence

from fpd_bench.cli import Parser, carry_out, leave
from fpd_bench.errors import ConfigError


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, call, print."""
    return carry_out(lambda: print(_answer(parser().parse_intermixed_args(arguments))))


def parser() -> argparse.ArgumentParser:
    """Make the parser of this command."""
    form = argparse.RawDescriptionHelpFormatter
    made = Parser("python -m fpd_bench.config", description=__doc__, formatter_class=form)
    made.add_argument("file", nargs="?", help="a sweep file, or a sweep's name")
    made.add_argument("overrides", nargs="*", metavar="ROW key=value", help="a row, and overrides as for the sweep")
    made.add_argument("--all", action="store_true", help="also the fields that the row's runs do not read")
    made.add_argument("--fields", nargs="?", const="", metavar="GROUP", help="list all fields, or those of a group")
    made.add_argument("--schema", action="store_true", help="print the JSON schema of sweep files")
    return made


def _answer(asked: argparse.Namespace) -> str:
    if asked.fields is not None:
        from fpd_bench.config.describe import list_fields

        return list_fields(asked.fields or None)
    if asked.schema:
        from fpd_bench.config.json_schema import sweep_schema

        return json.dumps(sweep_schema(), indent=1)
    if asked.file is None:
        raise ConfigError("Name a sweep, for example: python -m fpd_bench.config table3")
    rows = [word for word in asked.overrides if "=" not in word or "/" in word.partition("=")[0]]
    overrides = [word for word in asked.overrides if word not in rows]
    if len(rows) > 1:
        raise ConfigError(f"One row at a time; got {', '.join(rows)}. Compare runs with: fpd-bench diff RUN RUN")
    return _row(asked.file, rows[0], overrides, asked.all) if rows else _rows(asked.file, overrides)


def _rows(file: str, overrides: list[str]) -> str:
    from fpd_bench.config.sweeps.origins import row_names
    from fpd_bench.config.sweeps.spec import load_sweep

    return "\n".join(row_names(load_sweep(file, overrides)))


def _row(file: str, row: str, overrides: list[str], everything: bool) -> str:
    from fpd_bench.config.describe import as_override
    from fpd_bench.config.sweeps.origins import row_origins

    found = row_origins(file, row, overrides)
    shown = [one for one in found.fields if everything or one.read]
    words = [(f"{one.name}={as_override(one.value)}", one.source + ("" if one.read else ", not read")) for one in shown]
    width = min(60, max(len(text) for text, _ in words))
    head = f"# {found.table_id}/{found.row.id}: {found.row.label}. Run {found.cell.run_id} at seed {found.cell.seed}"
    return "\n".join([head, *(f"{text:<{width}}  # {source}" for text, source in words)])


if __name__ == "__main__":
    leave(main)
