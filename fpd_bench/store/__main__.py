"""Look after the index, and after what it is made from.

    python -m fpd_bench.store rebuild                 make the index anew from the run directories
    python -m fpd_bench.store check                   compare every row with a fresh index
    python -m fpd_bench.store export --format csv     its tables as files
    python -m fpd_bench.store gc --dry-run            the same as python -m fpd_bench.clean --dry-run

All take --results DIR and store.url=URL (or FPD_STORE_URL), for example store.url=postgresql+psycopg://me@host/bench.
Each command has a --help of its own. Exit code: 0 all is well, 1 it is not, 2 the request is wrong.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from fpd_bench.cli import Parser, carry_out, leave
from fpd_bench.errors import ConfigError
from fpd_bench.records import layout
from fpd_bench.store import address, consistency, export, index_schema, ingest
from fpd_bench.store.query import Store

RESULTS = Path("results")
MOST = 5  # of a list that is printed

REBUILD = """Make the index anew from the run directories, whatever it held. Equal runs give the same content hash.

    python -m fpd_bench.store rebuild
    python -m fpd_bench.store rebuild --results /shared/results store.url=postgresql+psycopg://me@host/bench
"""
CHECK = """Bring the index up to date and compare every row of it with a fresh one, made in a temporary folder.

    python -m fpd_bench.store check

Exit code 1: they differ, or a run's own files contradict each other.
"""
EXPORT = """Write the index's tables as files: runs, attempts, metrics, protocols, items, artifacts, series.

    python -m fpd_bench.store export
    python -m fpd_bench.store export --format csv --out /tmp/tables

Nested values (configurations, details of a score) are one column of JSON text. Equal data give equal files.
"""


def main(arguments: list[str] | None = None) -> int:
    """Parse, call, print."""
    return carry_out(lambda: _answer(arguments))


def parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Make the parser of the command that is the first of the words, or the one that reads which command it is."""
    form = argparse.RawDescriptionHelpFormatter
    if not words or words[0] not in COMMANDS:
        made = Parser("python -m fpd_bench.store", description=__doc__, formatter_class=form)
        made.add_argument("command", choices=[*COMMANDS, "gc"])
        return made
    command = words[0]
    name = f"python -m fpd_bench.store {command}"
    made = Parser(name, description=COMMANDS[command][0], formatter_class=form)
    made.add_argument(
        "--results", type=Path, default=RESULTS, metavar="DIR", help="folder with runs/ (default: results)"
    )
    if command == "export":
        made.add_argument("--format", choices=export.FORMATS, help="default: parquet if pyarrow is installed, else csv")
        made.add_argument("--out", type=Path, metavar="DIR", help="default: RESULTS/export")
    return made


def _answer(arguments: list[str] | None) -> int:
    url, rest = address.take_url(arguments)
    if rest[:1] == ["gc"]:  # a word of this door's, but what it asks (claims, sweeps) is above the store
        return subprocess.call([sys.executable, "-m", "fpd_bench.clean", *rest[1:]])
    if not rest or rest[0] not in COMMANDS:
        parser().parse_args(rest)
    asked = parser(rest).parse_intermixed_args(rest[1:])  # overrides may follow flags
    return COMMANDS[rest[0]][1](asked, url or address.default_url(asked.results))


def _rebuild(asked: argparse.Namespace, url: str) -> int:
    _require_runs(asked.results)
    done = ingest.rebuild(asked.results, url)
    for line in done.set_aside_lines():
        print(line, file=sys.stderr)
    with Store(asked.results, url) as store:
        print(f"{done.read} runs read into {address.without_password(url)}; content {store.content_hash()}")
    return 0


def _check(asked: argparse.Namespace, url: str) -> int:
    _require_runs(asked.results)
    found = consistency.check(asked.results, url)
    for run_id, message in found.corrupt.items():
        print(f"{run_id} is corrupt: {message}")
    if found.strange:
        print(f"Skipped in {asked.results / layout.RUNS}, because they are not runs: {_first_few(found.strange)}")
    if found.wrong:
        command = index_schema.REBUILD.format(results=asked.results)
        print(f"The index differs from {len(found.wrong)} run directories ({_first_few(found.wrong)}). {command}")
    else:
        print(f"The index agrees with {found.runs} run directories.")
    return 1 if found.wrong or found.corrupt else 0


def _export(asked: argparse.Namespace, url: str) -> int:
    _require_runs(asked.results)
    kind = asked.format or export.default_format()
    for path, rows in export.export(asked.results, url, asked.out or asked.results / "export", kind).items():
        print(f"{path}  {rows} rows")
    return 0


def _require_runs(results: Path) -> None:
    if not (results / layout.RUNS).is_dir():
        raise ConfigError(f"No runs in '{results}'. Name the folder that holds runs/: --results DIR")


def _first_few(names: list[str]) -> str:
    return ", ".join(names[:MOST]) + (f" and {len(names) - MOST} more" if len(names) > MOST else "")


COMMANDS: dict[str, tuple[str, Callable[[argparse.Namespace, str], int]]] = {
    "rebuild": (REBUILD, _rebuild),
    "check": (CHECK, _check),
    "export": (EXPORT, _export),
}

if __name__ == "__main__":
    leave(main)
