"""A sweep from Python: its runs and scores as pandas frames, and its report. Needs no torch.

    import fpd_bench

    table3 = fpd_bench.load("table3", "seeds=[0,1]")
    table3.runs()                    # a row for each cell: what it is, where it stands, its score
    table3.scores()                  # a row for each image that was scored
    fpd_bench.report("table3")       # {table: frame}; files in results/report/

Both bring the index up to date with the run directories first; runs are made by `fpd-bench sweep`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from fpd_bench.config.fields import leaves, value
from fpd_bench.config.identity import reads
from fpd_bench.config.sweeps.cells import Cell, Sweep
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.config.sweeps.sweep_names import split_overrides
from fpd_bench.errors import ConfigError
from fpd_bench.records.run_status import RESULTS
from fpd_bench.runs.folder import notes
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.store import address
from fpd_bench.store.ingest import ingest
from fpd_bench.store.query import Run, Store

FOLDER = "results"
PLANNED = "planned"


class LoadedSweep:
    """A sweep and the index of its runs. `sweep` is what was read: tables, rows, cells with their configurations."""

    def __init__(self, sweep: Sweep, results: Path, url: str):
        self.sweep, self.results, self.url = sweep, results, url

    def runs(self) -> pd.DataFrame:
        """Give a row for each cell: table, row, label, seed, run_id, status, score, seconds, tags, and a column for
        each field that differs between the cells."""
        with Store(self.results, self.url) as store:
            known = store.runs([cell.run_id for cell in self.sweep.cells])
            numbers = store.frame("metrics", list(known), metric=self.sweep.metric)
        scored = dict(zip(numbers["run_id"], numbers["value"], strict=True))
        differing = _differing(self.sweep.cells)
        labels = {(table.id, row.id): row.label for table in self.sweep.tables for row in table.rows}
        rows = [
            {
                "table": cell.table_id,
                "row": cell.row_id,
                "label": labels[cell.table_id, cell.row_id],
                "seed": cell.seed,
                "run_id": cell.run_id,
                **self._standing(known.get(cell.run_id), scored.get(cell.run_id)),
                **{name: value(cell.config, name) if name in reads(cell.config) else None for name in differing},
            }
            for cell in self.sweep.cells
        ]
        return pd.DataFrame(rows)

    def _standing(self, run: Run | None, score: float | None) -> dict[str, Any]:
        done = run is not None and run.status in RESULTS
        tags = notes.read(RunDir(run.folder)).tags if run else ()
        return {
            "status": run.status if run else PLANNED,
            "score": score if done else None,
            "seconds": run.seconds if run else 0.0,
            "tags": " ".join(tags),
        }

    def scores(self) -> pd.DataFrame:
        """Give a row for each image that was scored: table, row, seed, run_id, suite, task, prompt, item_id, replicate,
        score. Runs without a result have none."""
        with Store(self.results, self.url) as store:
            items = store.frame("items", [run.run_id for run in self._finished(store)])
        cells = pd.DataFrame(
            [(cell.table_id, cell.row_id, cell.seed, cell.run_id) for cell in self.sweep.cells],
            columns=["table", "row", "seed", "run_id"],
        )
        columns = ["suite", "task", "prompt", "item_id", "replicate", "score"]
        return cells.merge(items, on="run_id")[[*cells.columns, *columns]]

    def _finished(self, store: Store) -> list[Run]:
        runs = store.runs([cell.run_id for cell in self.sweep.cells])
        return [run for run in runs.values() if run.status in RESULTS]

    def __repr__(self) -> str:
        return f"<{self.sweep.title}: {len(self.sweep.tables)} tables, {len(self.sweep.runs())} runs>"


def load(sweep: str | Path, *overrides: str, results: str | Path = FOLDER, url: str | None = None) -> LoadedSweep:
    """Read a sweep by name or file, and bring the index of its runs up to date.

    overrides: as on the command line, 'seeds=[0,1]', 'profile=paper'. url: of the index, if it is not in `results`.
    Raises ConfigError for what the command line would refuse, too.
    """
    read, folder = load_sweep(sweep, overrides), Path(results)
    if not folder.is_dir():
        raise ConfigError(f"results='{folder}' is not a folder. Runs are made by: fpd-bench sweep {sweep}")
    place = url or address.default_url(folder)
    ingest(folder, place)
    return LoadedSweep(read, folder, place)


def report(
    *sweeps: str | Path,
    overrides: Iterable[str] = (),
    results: str | Path = FOLDER,
    out: str | Path | None = None,
    figures: bool = True,
    url: str | None = None,
) -> dict[str, pd.DataFrame]:
    """Write the report of sweeps, tables and page, to `out` (default: results/report); give {table: its numbers}.

    A word key=value among the sweeps is an override, as on the command line. Raises ConfigError, as the command does.
    """
    from fpd_bench.reporting.tables.number_frame import numbers_frame
    from fpd_bench.reporting.write import write_report

    files, words = split_overrides(map(str, sweeps))
    words += [overrides] if isinstance(overrides, str) else list(overrides)
    if not files:
        raise ConfigError("Name the sweeps to report on: fpd_bench.report('table3')")
    loaded = [load(sweep, *words, results=results, url=url) for sweep in files]
    with Store(Path(results), loaded[0].url) as store:
        sources = [(one.sweep, store) for one in loaded]
        written = write_report(sources, Path(out or Path(results) / "report"), pictures=figures)
    return {table.name: numbers_frame(table) for table in written.tables}


def _differing(cells: list[Cell]) -> list[str]:
    """Name the fields that runs read and that have several values among the cells."""
    own = sorted({name for cell in cells for name in reads(cell.config)} - set(leaves()))
    found = []
    for name in (*leaves(), *own):
        values = {repr(value(cell.config, name)) if name in reads(cell.config) else "" for cell in cells}
        if len(values) > 1 and name != "seed":
            found.append(name)
    return found
