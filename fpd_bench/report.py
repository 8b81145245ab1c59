"""Tables of our runs beside the published numbers, with their uncertainty.

  python -m fpd_bench.report                          all of sweeps/*.yaml
  python -m fpd_bench.report sweeps/table3.yaml       one sweep
  python -m fpd_bench.report sweeps/table3.yaml profile=paper
  python -m fpd_bench.report store.url=postgresql+psycopg://me@host/bench
  python -m fpd_bench.report sweeps/table3.yaml --columns Overall,Seeds,p   for one column of a paper
  python -m fpd_bench.report sweeps/table3.yaml --watch   follow a sweep that is running
  python -m fpd_bench.report --out reports --evidence  tables to keep, with what they stand on
  python -m fpd_bench.report --from reports/evidence   the same tables again, in a clone without results
  python -m fpd_bench.report --check                   are the committed tables what their evidence gives?

Brings the index up to date with results/runs, prints the tables, and writes Markdown, LaTeX, CSV, figures and one
page to results/report/. Running it again without new results gives the same bytes. It never trains and never loads
torch. Exit code: 0 written or checked, 1 --check found differences, 2 the request is wrong.
"""

import argparse
import gc
import shlex
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fpd_bench.cli import Parser, carry_out, leave, seconds
from fpd_bench.errors import ConfigError
from fpd_bench.forked import can_fork, forked
from fpd_bench.store import address

if TYPE_CHECKING:
    from fpd_bench.config.sweeps.spec import Sweep
    from fpd_bench.reporting.model import TableResult
    from fpd_bench.reporting.write import WrittenReport
    from fpd_bench.store.ingest import Ingested
    from fpd_bench.store.query import Store

RESULTS = Path("results")
COMMITTED = Path("reports")
WATCH_SECONDS = 10
GARBAGE = (100_000, 20, 100)  # what libraries make at their start stays: to look for garbage in it took a tenth
MANY_RUNS = 1000  # folders from which on looking through them takes longer than starting a process


def main(arguments: list[str] | None = None) -> int:
    """Write the report and give the exit code: 0 = written, 2 = wrong usage, 1 = another error."""
    gc.set_threshold(*GARBAGE)
    return carry_out(lambda: _answer(arguments))


def parser() -> argparse.ArgumentParser:
    """Make the parser of this command."""
    made = Parser(
        prog="python -m fpd_bench.report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("sweeps", nargs="*", help="sweep files and overrides key=value (default: sweeps/*.yaml)")
    made.add_argument("--results", type=Path, default=RESULTS, help="folder with runs/ (default: results)")
    made.add_argument("--out", type=Path, help="folder to write to (default: RESULTS/report)")
    made.add_argument("--profile", help="the sweep's profile to report on, the same as profile=NAME")
    made.add_argument("--tag", metavar="TAG", help="only the runs with this tag (fpd-bench tag)")
    made.add_argument(
        "--columns",
        type=lambda text: [word for word in text.split(",") if word.strip()],
        default=[],
        metavar="LIST",
        help="columns of the main tables, in this order, such as 'Overall,Seeds,p': fewer fit one column of a paper",
    )
    made.add_argument("--no-figures", action="store_true", help="tables and page only")
    made.add_argument(
        "--watch",
        nargs="?",
        type=seconds,
        const=WATCH_SECONDS,
        metavar="SECONDS",
        help=f"write it again whenever a run has ended, until all have (looks every {WATCH_SECONDS} seconds)",
    )
    made.add_argument("--evidence", action="store_true", help="also write the data behind the tables, to OUT/evidence/")
    made.add_argument(
        "--from",
        type=Path,
        dest="from_evidence",
        metavar="DIR",
        help="write the report from such evidence, without any results",
    )
    made.add_argument(
        "--check",
        action="store_true",
        help="check that the files of OUT (default: reports) are what their evidence gives",
    )
    return made


def _answer(arguments: list[str] | None) -> int:
    url, rest = address.take_url(arguments)
    options = parser().parse_intermixed_args(rest)  # overrides may follow flags
    if options.from_evidence or options.check:
        options.out = options.out or COMMITTED
        return _from_evidence(options)
    options.out = options.out or options.results / "report"
    return _report(options, url or address.default_url(options.results))


def _report(options: argparse.Namespace, url: str) -> int:
    from fpd_bench.config.sweeps.sweep_names import split_overrides
    from fpd_bench.store.ingest import run_folders

    if options.evidence and options.columns:
        raise ConfigError("Tables with --evidence are whole, so that --check can compare them: leave out --columns.")
    named, overrides = split_overrides(options.sweeps)
    files = _files([Path(word) for word in named])
    if not (folders := run_folders(options.results)):
        raise ConfigError(
            f"No runs in '{options.results}', so there is nothing to report; nothing was written. "
            "Name the folder that holds runs/: --results DIR, or make runs: "
            f"{_sweep_command(options)}"
        )
    if options.profile:
        overrides.append(f"profile={options.profile}")
    with _ingest_begun(options, url, len(folders)) as ingested:
        sweeps, overrides = _sweeps(files, overrides, options)
        return _write(sweeps, overrides, options, url, ingested)


@contextmanager
def _ingest_begun(options: argparse.Namespace, url: str, folders: int) -> "Iterator[Callable[[], Ingested]]":
    """Bring the index up to date, many runs in a process of its own while sweeps and libraries are being read."""
    from fpd_bench.store.ingest import ingest

    def here() -> "Ingested":
        return ingest(options.results, url)

    if folders < MANY_RUNS or not can_fork():
        yield here
        return
    with forked(lambda: [here]) as wait:
        yield lambda: wait() or here()


def _sweeps(files: list[Path], overrides: list[str], options: argparse.Namespace) -> "tuple[list[Sweep], list[str]]":
    """Read the sweeps, of tagged runs only if asked; return them and the words they were read with."""
    from fpd_bench.config.sweeps.spec import load_sweep
    from fpd_bench.runs.execute.options import split_executor
    from fpd_bench.runs.folder import notes

    overrides = split_executor(overrides)[1]  # a sweep's words: who carried it out changes no table
    sweeps = [load_sweep(path, overrides) for path in files]
    if options.tag:
        tagged = notes.tagged(options.results, options.tag)
        chosen = [sweep.only(lambda cell: cell.run_id in tagged) for sweep in sweeps]
        sweeps = [replace(sweep, title=f"{sweep.title}, runs tagged {options.tag}") for sweep in chosen]
    return sweeps, overrides


def _say(done: "Ingested") -> None:
    print(f"{done.read} runs read, {done.unchanged} unchanged, {done.dropped} gone.", file=sys.stderr)
    for line in done.set_aside_lines():
        print(line, file=sys.stderr)


def _write(
    sweeps: "list[Sweep]",
    overrides: list[str],
    options: argparse.Namespace,
    url: str,
    ingested: "Callable[[], Ingested]",
) -> int:
    """Write the report of what is in the index when `ingested` has returned: what is imported here takes a second."""
    from fpd_bench.reporting.report_watch import follow
    from fpd_bench.reporting.write import make_writable, write_report
    from fpd_bench.store.query import Store

    _say(ingested())
    with Store(options.results, url) as store:
        if not options.watch:
            _need_finished(sweeps, store, options)
        make_writable(options.out)

        def write() -> "list[TableResult]":
            indexed, words = [(sweep, store) for sweep in sweeps], overrides if options.evidence else None
            pictures = not options.no_figures
            written = write_report(indexed, options.out, pictures, words, columns=options.columns)
            _print(written)
            return written.tables

        if options.watch:
            follow(lambda: _finished(sweeps, store, options, url), write, options.watch)
        else:
            write()
    return 0


def _finished(
    sweeps: "list[Sweep]", store: "Store", options: argparse.Namespace, url: str
) -> frozenset[tuple[str, str]]:
    """Bring the index up to date and give the runs of the sweeps that have a result, with what they hold."""
    from fpd_bench.records.run_status import has_result
    from fpd_bench.store.ingest import ingest

    ingest(options.results, url)
    runs = store.runs([run_id for sweep in sweeps for run_id in sweep.runs()])
    return frozenset((run_id, run.content) for run_id, run in runs.items() if has_result(run.status))


def _from_evidence(options: argparse.Namespace) -> int:
    """Render a report again from the evidence of its tables, without any results; with --check, change nothing."""
    from fpd_bench.reporting import evidence_report
    from fpd_bench.reporting.write import write_report

    folder = options.from_evidence or options.out / evidence_report.FOLDER
    if options.check and options.columns:
        raise ConfigError("--check compares whole tables: leave out --columns.")
    if options.sweeps or options.evidence or options.profile:
        raise ConfigError("The evidence names its own sweeps. Leave out sweep files, --profile and --evidence.")
    with evidence_report.opened(folder) as indexed:
        if not options.check:
            _print(write_report(indexed, options.out, not options.no_figures, columns=options.columns))
            return 0
        with tempfile.TemporaryDirectory() as scratch:
            anew = Path(scratch)
            write_report(indexed, anew, not options.no_figures, linked_from=options.out)
            wrong, of = evidence_report.differences(anew, options.out)
    for line in wrong:
        print(f"{options.out}/{line}")
    print(f"{of - len(wrong)} of {of} files in '{options.out}' are what evidence and code give.", file=sys.stderr)
    return int(bool(wrong))


def _print(written: "WrittenReport") -> None:
    print("".join(written.printed) + "\n".join(str(path) for path in written.paths))


def _need_finished(sweeps: "list[Sweep]", store: "Store", options: argparse.Namespace) -> None:
    """Raise ConfigError if no run of these tables has a result: an empty report would replace one with content."""
    wanted = [run_id for sweep in sweeps for run_id in sweep.runs()]
    states = Counter(store.statuses(wanted).values())
    if wanted and not states["done"] + states["diverged"]:
        seen = ", ".join(f"{n} {status}" for status, n in sorted(states.items())) or "none of them has begun"
        others = len(store.statuses()) - sum(states.values())
        hint = (
            f" {others} other runs are there: if a sweep made them with key=value words, repeat these."
            if others
            else ""
        )
        raise ConfigError(
            f"None of the {len(set(wanted))} runs of these tables is finished in '{options.results}' ({seen}); nothing "
            f"was written.{hint} To make them: {_sweep_command(options)}"
        )


def _sweep_command(options: argparse.Namespace) -> str:
    """Write the command that makes the runs asked for."""
    from fpd_bench.config.sweeps.sweep_names import split_overrides

    given = options.sweeps or [str(path) for path in _files([])[:1]]
    files, overrides = split_overrides(given)
    words = [*overrides, *([f"profile={options.profile}"] if options.profile else [])]
    words += [] if options.results == RESULTS else ["--results", str(options.results)]
    return " && ".join(f"python -m fpd_bench.sweep {shlex.join([file, *words])}" for file in files)


def _files(given: list[Path]) -> list[Path]:
    """List the sweep files asked for, by default all that hold tables. Raises ConfigError for a missing file."""
    from fpd_bench.config.searches.search_file import is_search
    from fpd_bench.config.sweeps.sweep_names import find_sweep, names

    if not given:
        given = [path for path in sorted(Path("sweeps").glob("*.yaml")) if not is_search(path)]
    if not given:
        raise ConfigError("No sweep files in 'sweeps/'. Name one: python -m fpd_bench.report path/to/sweep.yaml")
    found = [find_sweep(path) for path in given]
    for path in found:
        if not path.exists():
            raise ConfigError(f"No sweep file '{path}'. Available: {', '.join(names())}.")
    return found


class _Callable(ModuleType):
    """This module, as the function that notebooks call: fpd_bench.report("table3")."""

    def __call__(self, *sweeps: str, **more: Any) -> Any:
        """Write the report of sweeps; see fpd_bench.api.report."""
        from fpd_bench.api import report

        return report(*sweeps, **more)


sys.modules[__name__].__class__ = _Callable

if __name__ == "__main__":
    leave(main)
