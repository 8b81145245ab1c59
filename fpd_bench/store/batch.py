"""Records of many runs -> the index in one transaction: a commit costs as much as a hundred small runs."""

from collections.abc import Iterable

import sqlalchemy as sa

from fpd_bench.store import reader, schema
from fpd_bench.store.rows import Row

ROWS = 20_000  # of all tables together, after which a batch is written
CHUNK = 500  # ids in one IN (...)


class Batch:
    """Gathers records and writes them together: a kill leaves whole batches, so whole runs, only.

    root: the results folder as runs.root notes it. present: ids of the runs that the index has.
    """

    def __init__(self, engine: sa.Engine, root: str, present: Iterable[str]):
        self.engine, self.root, self.present = engine, root, set(present)
        self.written = 0
        self._clear()

    def _clear(self) -> None:
        self._runs: list[Row] = []
        self._rows: dict[str, list[Row]] = {table.name: [] for table in schema.CHILDREN}
        self._size = 0

    def add(self, record: reader.Record, stamp: reader.Stamp) -> None:
        """Take a run's record, and write all of them once they are many."""
        run_id = record.run["run_id"]
        self._runs.append(record.run | {"root": self.root})
        for name, rows in record.children.items():
            self._rows[name] += rows
            self._size += len(rows)
        files = [{"run_id": run_id, "path": path, "size": size, "mtime_ns": at} for path, (size, at) in stamp.items()]
        self._rows[schema.ingested.name] += files
        self._size += len(files) + 1
        if self._size >= ROWS:
            self.write()

    def write(self) -> None:
        """One transaction for all that was added."""
        with self.engine.begin() as connection:
            delete(connection, schema.CHILDREN, [row["run_id"] for row in self._runs if row["run_id"] in self.present])
            schema.upsert(connection, schema.runs, self._runs)
            for table in schema.CHILDREN:
                schema.insert(connection, table, self._rows[table.name])
        self.present |= {row["run_id"] for row in self._runs}
        self.written += len(self._runs)
        self._clear()


def delete(connection: sa.Connection, tables: Iterable[sa.Table], run_ids: list[str]) -> None:
    """Remove the rows of these runs."""
    for table in tables:
        for begin in range(0, len(run_ids), CHUNK):
            connection.execute(sa.delete(table).where(table.c.run_id.in_(run_ids[begin : begin + CHUNK])))
