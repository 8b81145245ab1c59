"""The index's tables as Parquet or CSV files, for whatever else people read data with. Equal data give equal files."""

import csv
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from fpd_bench.errors import ConfigError
from fpd_bench.store import index_schema, ingest
from fpd_bench.store.database_errors import explain_errors
from fpd_bench.store.query import Store

FORMATS = ("parquet", "csv")
OWN = (index_schema.ingested, index_schema.score_arrays)  # of use to nobody but the index
TABLES = tuple(table for table in (index_schema.runs, *index_schema.CHILDREN) if table not in OWN)
ROWS = 50_000  # in memory at a time

Rows = list[tuple[Any, ...]]


def default_format() -> str:
    """Choose parquet where pyarrow is installed, else csv."""
    return "parquet" if find_spec("pyarrow") else "csv"


def export(results: Path, url: str, folder: Path, kind: str) -> dict[Path, int]:
    """Write each table to `folder`, whole or not at all; {file: rows}. Nested values become one column of JSON text.

    Raises ConfigError for Parquet without pyarrow, StoreError if the index cannot be read or `folder` not written.
    """
    if kind == "parquet" and not find_spec("pyarrow"):
        raise ConfigError("Parquet needs pyarrow: pip install 'fpd-bench[export]'. Or use --format csv.")
    ingest.ingest(results, url)
    written = {}
    with explain_errors("export", url), Store(results, url) as store:
        folder.mkdir(parents=True, exist_ok=True)
        for table in TABLES:
            path = folder / f"{table.name}.{kind}"
            temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            try:
                write = _write_parquet if kind == "parquet" else _write_csv
                written[path] = write(temporary, table, _without_nesting(table, store.stream(table, ROWS)))
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)
    return written


def _without_nesting(table: sa.Table, chunks: Iterator[Rows]) -> Iterator[Rows]:
    nested = [isinstance(column.type, sa.JSON) for column in table.columns]
    for rows in chunks:
        yield [
            tuple(
                index_schema.json_text(value) if is_json else value for value, is_json in zip(row, nested, strict=True)
            )
            for row in rows
        ]


def _write_csv(path: Path, table: sa.Table, chunks: Iterator[Rows]) -> int:
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table.columns.keys())
        for rows in chunks:
            writer.writerows(rows)
            count += len(rows)
    return count


def _write_parquet(path: Path, table: sa.Table, chunks: Iterator[Rows]) -> int:
    import pyarrow
    from pyarrow import parquet

    # From the table, not from the values: a column that is empty in one chunk has its type all the same.
    column_types = {sa.Float: pyarrow.float64(), sa.Integer: pyarrow.int64()}
    types = [
        next((column_types[kind] for kind in column_types if isinstance(c.type, kind)), pyarrow.string())
        for c in table.columns
    ]
    fields = pyarrow.schema(zip(table.columns.keys(), types, strict=True))
    count = 0
    with parquet.ParquetWriter(path, fields) as writer:
        for rows in chunks:
            columns = zip(*rows, strict=True)
            arrays = [pyarrow.array(column, field.type) for column, field in zip(columns, fields, strict=True)]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=fields))
            count += len(rows)
    return count
