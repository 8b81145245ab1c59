"""Does the index say what the run directories say? Every row of every table, against a fresh index made for it."""

import hashlib
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from fpd_bench.records import layout
from fpd_bench.store import index_schema, ingest, reader
from fpd_bench.store.database_errors import explain_errors
from fpd_bench.store.query import Store

SKIPPED = {(index_schema.runs.name, "root")}  # where a run lies is no part of what it says


@dataclass(frozen=True)
class Checked:
    """runs: how many folders were read. wrong: ids of the runs of which the index says something else.

    corrupt: {run id: why}, runs whose own files contradict each other, or of which one is not as it was written.
    strange: folders of runs/ that are no runs.
    """

    runs: int
    wrong: list[str]
    corrupt: dict[str, str]
    strange: list[str]


def check(results: Path, url: str) -> Checked:
    """Bring the index up to date and compare it. Raises StoreError if it cannot be read or written."""
    ingest.ingest(results, url)
    with tempfile.TemporaryDirectory() as folder:
        fresh = f"sqlite:///{folder}/index.sqlite"
        ingest.rebuild(results, fresh)
        expected, found = fingerprints(fresh), fingerprints(url)
        with Store(results, fresh) as store:
            runs = store.runs()
    corrupt = {run.run_id: run.message or "" for run in runs.values() if run.status == "corrupt"}
    for run_id in runs.keys() - corrupt.keys():
        damaged = reader.damaged_files(results / layout.RUNS / run_id)
        if damaged:
            corrupt[run_id] = f"changed or missing since DONE was written: {', '.join(damaged)}"
    wrong = sorted(run_id for run_id in expected if found.get(run_id) != expected[run_id])
    folders = {path.name for path in (results / layout.RUNS).glob("*") if path.is_dir()}
    return Checked(len(expected), wrong, dict(sorted(corrupt.items())), sorted(folders - expected.keys()))


def fingerprints(url: str) -> dict[str, int]:
    """Sum hashes of all rows of each run: rows may come in any order, and databases sort text differently."""
    sums: Counter[str] = Counter()
    engine = index_schema.connect(url)
    try:
        with explain_errors("read", url), engine.connect() as connection:
            for table in (index_schema.runs, *index_schema.CHILDREN):
                if table is index_schema.ingested:  # sizes and times of files, which a copy changes
                    continue
                columns = [column for column in table.columns if (table.name, column.name) not in SKIPPED]
                for row in connection.execute(sa.select(*columns)):
                    sums[row.run_id] += _hash_row(f"{table.name} {index_schema.json_text(list(row))}")
    finally:
        engine.dispose()
    return dict(sums)


def _hash_row(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")
