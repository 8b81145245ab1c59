"""Records of many runs -> the index in one transaction: a commit costs as much as a hundred small runs."""

from collections.abc import Iterable

import sqlalchemy as sa

from fpd_bench.store import index_schema, reader
from fpd_bench.store.index_rows import Row

ROWS = 20_000  # of all tables together, after which a batch is written
# A value that a column cannot take. A database that is locked, full or gone is another matter: nothing can be stored.
REFUSED = (sa.exc.DataError, sa.exc.IntegrityError, OverflowError, UnicodeError, TypeError, ValueError)
CHUNK = 500  # ids in one IN (...)


class Batch:
    """Gathers records and writes them together: a kill leaves whole batches, so whole runs, only.

    root: the results folder as runs.root notes it. present: ids of the runs that the index has. A
    run of which the database refuses a value stands in the index as corrupt, with the reason.
    """

    def __init__(self, engine: sa.Engine, root: str, present: Iterable[str]):
        self.engine, self.root, self.present = engine, root, set(present)
        self.written = 0
        self._clear()

    def _clear(self) -> None:
        self._records: list[tuple[reader.Record, reader.Stamp]] = []
        self._size = 0

    def add(self, record: reader.Record, stamp: reader.Stamp) -> None:
        """Take a run's record, and write all of them once they are many."""
        self._records.append((record, stamp))
        self._size += sum(map(len, record.children.values())) + len(stamp) + 1
        if self._size >= ROWS:
            self.write()

    def write(self) -> None:
        """Write all that was added in one transaction; one each if the database refuses a value in one of them."""
        try:
            self._write(self._records)
        except (*REFUSED, sa.exc.StatementError) as error:
            if not _is_refused_value(error):
                raise
            for record, stamp in self._records:
                self._write_alone(record, stamp)
        self.written += len(self._records)
        self._clear()

    def _write_alone(self, record: reader.Record, stamp: reader.Stamp) -> None:
        try:
            self._write([(record, stamp)])
        except (*REFUSED, sa.exc.StatementError) as error:
            if not _is_refused_value(error):
                raise
            said = " ".join(str(getattr(error, "orig", None) or error).split())[:300]
            poor = reader.corrupt_record(record.run["run_id"], f"cannot be stored: {said}")
            self._write([(poor, stamp)])

    def _write(self, records: list[tuple[reader.Record, reader.Stamp]]) -> None:
        rows: dict[str, list[Row]] = {table.name: [] for table in index_schema.CHILDREN}
        for record, stamp in records:
            for name, some in record.children.items():
                rows[name] += some
            files = [(path, size, at) for path, (size, at) in stamp.items()]
            rows[index_schema.ingested.name] += [
                {"run_id": record.run["run_id"], "path": path, "size": size, "mtime_ns": at} for path, size, at in files
            ]
        runs = [record.run | {"root": self.root} for record, _ in records]
        ids = [row["run_id"] for row in runs]
        with self.engine.begin() as connection:
            # One by one all are deleted: another writer may have stored a run since we looked.
            delete_runs(connection, index_schema.CHILDREN, [i for i in ids if i in self.present or len(ids) == 1])
            index_schema.upsert(connection, index_schema.runs, runs)
            for table in index_schema.CHILDREN:
                index_schema.insert(connection, table, rows[table.name])
        self.present.update(ids)


def _is_refused_value(error: Exception) -> bool:
    """Say whether a value is to blame; a StatementError that is no error of the database comes from preparing one."""
    return isinstance(error, REFUSED) or not isinstance(error, sa.exc.DBAPIError)


def delete_runs(connection: sa.Connection, tables: Iterable[sa.Table], run_ids: list[str]) -> None:
    """Remove the rows of these runs."""
    for table in tables:
        for begin in range(0, len(run_ids), CHUNK):
            connection.execute(sa.delete(table).where(table.c.run_id.in_(run_ids[begin : begin + CHUNK])))
