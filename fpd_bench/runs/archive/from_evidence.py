"""The evidence behind a committed table -> run directories: the table goes on without training anew what it has.

What the index keeps of a run comes back: configuration, attempts, scores, thinned training curves and the images that
pages show (the others are black). Its student, checkpoints and log files do not.
"""

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from fpd_bench.config.identity import run_id
from fpd_bench.config.yaml_text import from_yaml
from fpd_bench.errors import ConfigError
from fpd_bench.records import layout
from fpd_bench.records.run_status import ALL_STAGES, has_result
from fpd_bench.runs.archive.contents import is_ours
from fpd_bench.runs.folder import notes
from fpd_bench.runs.folder.rundir import Row, RunDir
from fpd_bench.runs.folder.whole_files import write_json, write_text

Tables = Mapping[str, Iterable[Row]]  # of the index: {table: its rows}
NOTE = "Taken from the evidence of a report: scores and shown images, without the student."


def take(tables: Tables, images: Path, results: Path) -> tuple[list[str], list[str], list[str]]:
    """Make a run directory of each run that has a result and is not in `results` yet.

    images: the folder whose runs/<id>/samples/ hold those that are shown. Returns the ids of (runs taken, runs that
    were here already, runs that this version of fpd-bench would name otherwise: their code has changed since).
    """
    taken, there, older = [], [], []
    runs = results / layout.RUNS
    runs.mkdir(parents=True, exist_ok=True)
    parts = {name: _by_run(tables[name]) for name in ("attempts", "metrics", "protocols", "items", "series")}
    with tempfile.TemporaryDirectory(prefix=".import-", dir=results) as scratch:
        for row in tables["runs"]:
            name = row["run_id"]
            if not has_result(row["status"]):
                continue
            if (runs / name).exists():
                there.append(name)
                continue
            made = _write(row, {part: rows[name] for part, rows in parts.items()}, images, Path(scratch))
            if made is None:
                older.append(name)
                continue
            made.path.rename(runs / name)
            taken.append(name)
    return taken, there, older


def _by_run(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["run_id"]].append(row)
    return found


def _write(row: Row, parts: Mapping[str, list[Row]], images: Path, scratch: Path) -> RunDir | None:
    """Write one run's directory below `scratch`; None if its configuration has another name by now."""
    text = yaml.safe_dump(row["config"], sort_keys=False)
    config = from_yaml(text, f"the evidence of {row['run_id']}")
    if run_id(config) != row["run_id"]:
        return None
    run = RunDir.create(scratch, config)
    write_text(run.path / layout.CONFIG, text)
    write_json(run.path / layout.IDENTITY, (layout.read_json(run.path / layout.IDENTITY) or {}) | _birth(row))
    for attempt in parts["attempts"]:
        write_json(run.path / layout.ATTEMPTS / f"{attempt['n']}.json", attempt["record"])
    for number, event in enumerate(_events(row, parts["attempts"])):
        run.append_event({"seq": number} | event)
    for line in _training_log(parts["series"]):
        run.append_training(line)
    for suite, lines in _evaluations(parts).items():
        if not is_ours(f"{layout.RUNS}/{run.run_id}/{layout.EVAL}/{suite}.jsonl"):
            raise ConfigError(f"The evidence of run {run.run_id} names a suite that no track has: {suite[:80]!r}.")
        run.finish_evaluation(suite, lines)
    for kept in sorted((images / layout.RUNS / run.run_id / layout.SAMPLES).glob("*.npz")):
        target = run.samples(kept.stem)
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(kept, target)
    notes.change(run, (), (), NOTE)
    run.finish(row["status"], row["finished"])
    return run


def _birth(row: Row) -> Row:
    return {name: row[name] for name in ("created", "config_schema") if row[name] is not None}


def _events(row: Row, attempts: list[Row]) -> Iterable[Row]:
    """Give the events that tell how each attempt began and ended, and how long the run has taken in all."""
    whole = {"stage": ALL_STAGES, "seconds": row["seconds"]}
    for attempt in attempts:
        number = {"attempt": attempt["n"]}
        if attempt["started"]:
            yield number | {"time": attempt["started"], "kind": "attempt_started"}
        if attempt["n"] == attempts[-1]["n"]:
            yield number | {"time": attempt["ended"], "kind": "stage_finished"} | whole
            if row["status"] == "diverged":
                yield number | {"time": attempt["ended"], "kind": "diverged"} | _step(row["message"])
        said = {name: attempt[name] for name in ("failure_class", "message", "traceback") if attempt[name]}
        if attempt["reason"] and attempt["reason"] != "diverged":
            yield number | {"time": attempt["ended"], "kind": attempt["reason"]} | said


def _step(message: str | None) -> Row:
    last = (message or "").rpartition(" ")[2]
    return {"step": int(last)} if last.isdecimal() else {}


def _training_log(series: list[Row]) -> list[Row]:
    lines: dict[int, Row] = defaultdict(dict)
    for point in series:
        lines[point["step"]][point["name"]] = point["value"]
    return [{"step": step} | lines[step] for step in sorted(lines)]


def _evaluations(parts: Mapping[str, list[Row]]) -> dict[str, list[Row]]:
    """Give the lines of each suite's file: its images in order, then the numbers of all of them together."""
    found: dict[str, list[Row]] = defaultdict(list)
    for item in sorted(parts["items"], key=lambda one: (one["position"], one["replicate"])):
        line = {"item": item["item_id"]} | {name: item[name] for name in ("replicate", "task", "prompt", "score")}
        found[item["suite"]].append(line | ({"detail": item["detail"]} if item["detail"] is not None else {}))
    protocols = {(one["suite"], one["metric"]): one["protocol"] for one in parts["protocols"]}
    for metric in parts["metrics"]:
        protocol: Any = protocols.get((metric["suite"], metric["metric"]))
        if protocol is not None:
            number = {name: metric[name] for name in ("metric", "value", "n")}
            found[metric["suite"]].append(number | {"protocol": protocol})
    return found
