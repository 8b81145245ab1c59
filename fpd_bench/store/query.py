"""Questions to the index, answered as frames or small dataclasses. Read only."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from fpd_bench.records import layout
from fpd_bench.store import address, index_schema
from fpd_bench.store.database_errors import explain_errors
from fpd_bench.store.score_arrays import RunScores, unpack

READ = {  # by tables: column names
    index_schema.runs: ("run_id", "status"),
    index_schema.score_arrays: ("run_id", "suite", "digest"),
    index_schema.metrics: ("run_id", "suite", "metric", "value", "n"),
}


@dataclass(frozen=True)
class Run:
    """One run as the index knows it. `folder` is where its artifacts lie; created: UTC ISO, '' if it does not say."""

    run_id: str
    status: str
    config: dict[str, Any]
    message: str | None
    seconds: float
    content: str
    folder: Path
    created: str = ""


class Store:
    """The index of a results folder. Ingest first (`store.ingest.ingest`); close it or use it in a `with`."""

    def __init__(self, results: Path | str, url: str | None = None):
        self.results = Path(results)
        self.url = url or address.default_url(self.results)
        self._engine = index_schema.connect(self.url)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @contextmanager
    def _connect(self) -> Iterator[sa.Connection]:
        with explain_errors("read", self.url), self._engine.connect() as connection:
            yield connection

    def _key(self, table: sa.Table) -> list[Any]:
        """Give the table's key to sort by, byte by byte as SQLite does: a server sorts text by its language."""
        server = self._engine.dialect.name == "postgresql"
        keys = table.primary_key.columns
        return [key.collate("C") if server and isinstance(key.type, sa.String) else key for key in keys]

    def runs(self, run_ids: Sequence[str] | None = None, method: str | None = None) -> dict[str, Run]:
        """Read runs by id, sorted; by default all of them, of any method. Ids that it does not know are left out."""
        table = index_schema.runs
        query = sa.select(table).order_by(*self._key(table)).where(_among(table, run_ids))
        if method is not None:
            query = query.where(table.c.method == method)
        with self._connect() as connection:
            return {row["run_id"]: self._run(row) for row in connection.execute(query).mappings()}

    def statuses(self, run_ids: Sequence[str] | None = None) -> dict[str, str]:
        """Read {run id: status}, by default of all runs, without what is slow to read of them."""
        table = index_schema.runs
        query = sa.select(table.c.run_id, table.c.status).where(_among(table, run_ids))
        with self._connect() as connection:
            return {run_id: status for run_id, status in connection.execute(query).all()}

    def _run(self, row: Any) -> Run:
        # Relative roots are relative to the index, which lies in the results folder unless a URL says otherwise.
        database = self._engine.url.database if self._engine.dialect.name == "sqlite" else None
        root = Path(database).parent / row["root"] if database else Path(row["root"])
        folder = root / layout.RUNS / row["run_id"]
        seconds = row["seconds"] or 0.0
        status, created = row["status"], row["created"] or ""
        return Run(row["run_id"], status, row["config"], row["message"], seconds, row["content"], folder, created)

    def frame(self, table: str, run_ids: Sequence[str] | None = None, **equal: Any) -> pd.DataFrame:
        """Read rows of a table of index_schema.py (`items`, `metrics`, `series`, `artifacts`, ...) in key order.

        equal: column=value conditions, for example suite="test"; a list stands for any of its values.
        """
        names, rows = self._select(table, run_ids, equal)
        return pd.DataFrame(rows, columns=names)

    def lines(self, table: str, run_ids: Sequence[str] | None = None, **equal: Any) -> list[dict[str, Any]]:
        """Read the same rows as {column: value}, which is faster where they are few."""
        names, rows = self._select(table, run_ids, equal)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _select(
        self, table: str, run_ids: Sequence[str] | None, equal: dict[str, Any]
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Give column names and rows, as tuples: pandas asks rows of another kind for the attributes of an array."""
        found = index_schema.metadata.tables[table]
        query = sa.select(found).order_by(*self._key(found)).where(_among(found, run_ids))
        for column, value in equal.items():
            column_is = found.c[column].in_(value) if isinstance(value, list) else found.c[column] == value
            query = query.where(column_is)
        with self._connect() as connection:
            return list(found.columns.keys()), [tuple(row) for row in connection.execute(query).all()]

    def images(self, run_ids: Sequence[str], suite: str, item_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Read all images of these items as {column: value}; `detail` as JSON text, since decoding many is slow."""
        found = index_schema.items
        columns = [sa.cast(one, sa.Text).label(one.name) if one is found.c.detail else one for one in found.c]
        query = sa.select(*columns).order_by(*self._key(found)).where(found.c.suite == suite)
        query = query.where(_among(found, run_ids), found.c.item_id.in_(sorted(set(item_ids))))
        with self._connect() as connection:
            rows = connection.execute(query).all()
        return [dict(zip(found.c.keys(), row, strict=True)) for row in rows]

    def series(self, run_ids: Sequence[str], names: Sequence[str], part: str) -> list[tuple[str, str, int, float]]:
        """Read training curves as (run_id, name, step, value), in key order: those of `names`, and all whose name holds
        `part`. They are many: no dicts."""
        found = index_schema.series
        query = sa.select(found.c.run_id, found.c.name, found.c.step, found.c.value).order_by(*self._key(found))
        query = query.where(_among(found, run_ids))
        query = query.where(found.c.name.in_(names) | found.c.name.contains(part, autoescape=True))
        with self._connect() as connection:
            return [tuple(row) for row in connection.execute(query).all()]

    def stream(self, table: sa.Table, rows: int) -> Iterator[list[tuple[Any, ...]]]:
        """Read all rows of a table in key order, at most so many at a time."""
        query = sa.select(table).order_by(*self._key(table)).execution_options(yield_per=rows)
        with self._connect() as connection:
            for part in connection.execute(query).partitions():
                yield [tuple(row) for row in part]

    def scores(self, run_ids: Sequence[str], suite: str) -> pd.DataFrame:
        """Read run_id, item_id, replicate, position, task, prompt, score of the done runs among `run_ids`."""
        found = index_schema.items
        columns = [found.c[name] for name in ("run_id", "item_id", "replicate", "position", "task", "prompt", "score")]
        query = sa.select(*columns).where(_among(found, run_ids), found.c.suite == suite)
        query = query.order_by(found.c.run_id, found.c.position, found.c.replicate)
        with self._connect() as connection:
            rows = [tuple(row) for row in connection.execute(query).all()]
        return pd.DataFrame(rows, columns=[column.name for column in columns])

    def items_marked(self, run_ids: Sequence[str], suite: str, key: str) -> dict[str, set[str]]:
        """List by run the items whose detail holds `key` with a true value. Others are not decoded, which is slow."""
        found = index_schema.items
        holds = sa.cast(found.c.detail, sa.Text).contains(f'"{key}"', autoescape=True)
        query = sa.select(found.c.run_id, found.c.item_id, found.c.detail).where(
            _among(found, run_ids), found.c.suite == suite, found.c.replicate == 0, holds
        )
        marked: dict[str, set[str]] = defaultdict(set)
        with self._connect() as connection:
            for run_id, item, detail in connection.execute(query):
                if detail.get(key):
                    marked[run_id].add(item)
        return marked

    def score_arrays(self, run_ids: Sequence[str], suite: str) -> dict[str, RunScores]:
        """Read {run id: scores} of the done runs among `run_ids`."""
        found = index_schema.score_arrays
        query = sa.select(found.c.run_id, found.c.listed, found.c.scores).where(found.c.suite == suite)
        with self._connect() as connection:
            rows = connection.execute(query.where(_among(found, run_ids)).order_by(found.c.run_id))
            return {run_id: unpack(listed, scores) for run_id, listed, scores in rows}

    def suites(self, run_ids: Sequence[str]) -> list[str]:
        """Name the suites that any of the runs has metrics of, sorted."""
        table = index_schema.metrics
        query = sa.select(table.c.suite).distinct().where(_among(table, run_ids))
        with self._connect() as connection:
            return sorted(connection.execute(query).scalars())

    def results_hash(self, run_ids: Sequence[str]) -> str:
        """Hash what tables read of these runs (status, scores, numbers) to 12 hex digits.

        Attempts and times are not in it, so runs that were interrupted give the tables of those that were not.
        """
        digest = hashlib.sha256()
        with self._connect() as connection:
            for table, names in READ.items():
                query = sa.select(*(table.c[name] for name in names)).order_by(*self._key(table))
                query = query.where(_among(table, run_ids))
                for row in connection.execute(query).all():
                    digest.update(f"{table.name} {tuple(row)}\n".encode())
        return digest.hexdigest()[:12]

    def content_hash(self, run_ids: Sequence[str] | None = None) -> str:
        """Hash the content of the runs (all by default) to 12 hex digits, whatever the order they were ingested in."""
        lines = [f"{run.run_id} {run.content}\n" for run in self.runs(run_ids).values()]
        return hashlib.sha256("".join(lines).encode()).hexdigest()[:12]


def _among(table: sa.Table, run_ids: Sequence[str] | None) -> sa.ColumnElement[bool]:
    """Ask for rows of these runs; of any run if None."""
    return sa.true() if run_ids is None else table.c.run_id.in_(sorted(set(run_ids)))
