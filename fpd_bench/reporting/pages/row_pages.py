"""A page for each row of a table: its runs with configuration, provenance, training curves, samples and failures."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from fpd_bench.config.schema import RunConfig
from fpd_bench.reporting import training_curves
from fpd_bench.reporting.model import RowResult, SeedResult, TableResult
from fpd_bench.reporting.pages import run_pictures
from fpd_bench.reporting.pages.run_pictures import RunPictures
from fpd_bench.reporting.training_curves import Curve
from fpd_bench.store.query import Run, Store

FOLDER = "rows"
SIGNATURE = "fpd-bench, page of a row"  # in the head of each


@dataclass(frozen=True)
class RunDetails:
    """A run on its row's page. attempts: as the index has them, with `facts`: the record as (name, value)."""

    seed: SeedResult
    run: Run | None
    attempts: list[dict[str, Any]]
    pictures: RunPictures


@dataclass(frozen=True)
class RowDetails:
    """All that a row's page shows. changed: (setting, value, default); settings: all as (setting, value)."""

    row: RowResult
    runs: list[RunDetails]
    changed: list[tuple[str, str, str]] = field(default_factory=list)
    settings: list[tuple[str, str]] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    worst: list[tuple[str, str, str]] = field(default_factory=list)  # (task, prompt, right of all), worst first


def file_of(table: TableResult, number: int) -> str:
    """Name the page of a table's row, relative to the report's folder. number: of the row in its table."""
    return f"{FOLDER}/{table.name}-{number + 1}.html"


def details(table: TableResult, store: Store) -> Iterator[RowDetails]:
    """Read what the pages of a table's rows show, row by row."""
    run_ids = list(dict.fromkeys(seed.run_id for row in table.rows for seed in row.seeds))
    runs = store.runs(run_ids)
    attempts = _by_run(store.lines("attempts", run_ids))
    files = _by_run(store.lines("artifacts", run_ids, kind="samples"))
    for row in table.rows:
        worst = run_pictures.worst_items(row)
        pictures = {one.run_id: one for one in run_pictures.of_row(table, row, worst, runs, files, store)}
        shown = [
            RunDetails(
                seed,
                runs.get(seed.run_id),
                [_attempt(line) for line in attempts[seed.run_id]],
                pictures.get(seed.run_id, RunPictures(seed.run_id)),
            )
            for seed in row.seeds
        ]
        seeds = {seed.run_id: seed.seed for seed in row.seeds}
        points = training_curves.points(store, list(seeds))
        config = next((one.run.config for one in shown if one.run), None)
        yield RowDetails(
            row,
            shown,
            *_settings(config),
            training_curves.drawings(points, seeds),
            _worst(row, worst, pictures.values()),
        )


def _settings(config: dict[str, Any] | None) -> tuple[list[tuple[str, str, str]], list[tuple[str, str]]]:
    """List the settings that are not the default's, seed apart, and all of them."""
    if config is None:
        return [], []
    plain, own = _defaults(), dict(_flat(config))
    changed = [(name, value, plain.get(name, "–")) for name, value in own.items() if plain.get(name) != value]
    return [line for line in changed if line[0] != "seed"], list(own.items())


@cache
def _defaults() -> dict[str, str]:
    return dict(_flat(asdict(RunConfig())))


def _flat(group: dict[str, Any], name: str = "") -> list[tuple[str, str]]:
    """Write nested dicts as (a.b, value), by name: evidence keeps no other order."""
    found: list[tuple[str, str]] = []
    for key, part in sorted(group.items()):
        whole = f"{name}.{key}" if name else str(key)
        found += _flat(part, whole) if isinstance(part, dict) and part else [(whole, _text(part))]
    return found


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _by_run(lines: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Group rows of the index by run; [] for a run without any."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        found[line["run_id"]].append(line)
    return found


def _attempt(line: dict[str, Any]) -> dict[str, Any]:
    return line | {"facts": _flat(line["record"]) if isinstance(line["record"], dict) else []}


def _worst(row: RowResult, worst: list[str], pictures: Any) -> list[tuple[str, str, str]]:
    """Count the right images of the worst prompts, over all seeds."""
    if row.scores is None:
        return []
    prompts = {one.item: one.prompt for run in pictures for one in run.failures}
    place = {item: n for n, item in enumerate(row.scores.prompts)}
    lines = []
    for item in worst:
        values = row.scores.values[:, place[item]]
        lines.append((row.scores.tasks[place[item]], prompts.get(item, item), f"{values.sum():g} of {values.size}"))
    return lines


def remove_stale(tables: Iterable[TableResult], folder: Path) -> list[Path]:
    """Remove pages of rows that these tables once had, and that an earlier report wrote; return their paths.

    Other files stay, whatever their names: a page of ours is signed in its head.
    """
    rows = {table.name: len(table.rows) for table in tables}
    removed = []
    for path in sorted((folder / FOLDER).glob("*.html")):
        name, _, number = path.stem.rpartition("-")
        if name in rows and number.isdecimal() and int(number) > rows[name] and _is_ours(path):
            path.unlink(missing_ok=True)
            removed.append(path)
    return removed


def _is_ours(path: Path) -> bool:
    return path.is_file() and f'content="{SIGNATURE}"' in path.read_text(encoding="utf-8", errors="replace")
