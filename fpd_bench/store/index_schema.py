"""The index: tables with natural keys, and how to open them in SQLite or PostgreSQL.

Everything here is derived from run directories. A change of schema raises SCHEMA_VERSION and the index is rebuilt;
there are no migrations.
"""

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from fpd_bench.errors import StoreError
from fpd_bench.store import address

SCHEMA_VERSION = 3
NOT_THE_OWNER = "42501"  # PostgreSQL's state of an error: too few rights
BUSY_MS = 30_000  # how long SQLite waits for another process
REBUILD = "python -m fpd_bench.store rebuild --results {results}"

COMPACT: dict[str, Any] = {"sqlite_with_rowid": False}  # one tree by the natural key, instead of rows and an index

metadata = sa.MetaData()


def _run_id() -> sa.Column:
    return sa.Column("run_id", sa.String(12), sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True)


meta = sa.Table(
    "meta", metadata, sa.Column("key", sa.String, primary_key=True), sa.Column("value", sa.String, nullable=False)
)
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.String(12), primary_key=True),
    sa.Column("status", sa.String, nullable=False),  # planned running interrupted failed corrupt diverged done
    sa.Column("config", sa.JSON, nullable=False),
    sa.Column("config_schema", sa.Integer),
    sa.Column("method", sa.String, index=True),  # each table asks for the runs of the teacher
    sa.Column("track", sa.String),
    sa.Column("seed", sa.BigInteger),
    sa.Column("created", sa.String),
    sa.Column("finished", sa.String),
    sa.Column("seconds", sa.Float),  # spent in finished stages, all attempts together
    sa.Column("message", sa.String),  # why it failed, diverged or is corrupt
    sa.Column("content", sa.String(64), nullable=False),  # sha256 of all that was read of this run
    sa.Column("root", sa.String, nullable=False),  # results folder it came from; not part of `content`
)
attempts = sa.Table(
    "attempts",
    metadata,
    _run_id(),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("host", sa.String),
    sa.Column("started", sa.String),
    sa.Column("ended", sa.String),
    sa.Column("reason", sa.String),  # finished | failed | diverged | interrupted | None while it runs
    sa.Column("failure_class", sa.String),
    sa.Column("message", sa.String),
    sa.Column("traceback", sa.Text),
    sa.Column("record", sa.JSON),
    **COMPACT,
)
metrics = sa.Table(
    "metrics",
    metadata,
    _run_id(),
    sa.Column("suite", sa.String, primary_key=True),
    sa.Column("metric", sa.String, primary_key=True),
    sa.Column("value", sa.Float, nullable=False),
    sa.Column("n", sa.Integer, nullable=False),  # images
    **COMPACT,
)
protocols = sa.Table(  # of the metrics that mean nothing without theirs: FID and its kin
    "protocols",
    metadata,
    _run_id(),
    sa.Column("suite", sa.String, primary_key=True),
    sa.Column("metric", sa.String, primary_key=True),
    sa.Column("protocol", sa.JSON, nullable=False),
    **COMPACT,
)
items = sa.Table(
    "items",
    metadata,
    _run_id(),
    sa.Column("suite", sa.String, primary_key=True),
    sa.Column("item_id", sa.String, primary_key=True),
    sa.Column("replicate", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),  # index of the item in the suite and in samples/<suite>.npz
    sa.Column("task", sa.String, nullable=False),
    sa.Column("prompt", sa.String, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("detail", sa.JSON),
    **COMPACT,
)
score_arrays = sa.Table(  # the scores of `items` once more, packed (score_arrays.py)
    "score_arrays",
    metadata,
    _run_id(),
    sa.Column("suite", sa.String, primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("listed", sa.LargeBinary, nullable=False),
    sa.Column("scores", sa.LargeBinary, nullable=False),
)
artifacts = sa.Table(
    "artifacts",
    metadata,
    _run_id(),
    sa.Column("path", sa.String, primary_key=True),  # inside the run directory
    sa.Column("kind", sa.String, nullable=False),  # samples | picture | student
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64)),
    **COMPACT,
)
series = sa.Table(
    "series",
    metadata,
    _run_id(),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("step", sa.Integer, primary_key=True),
    sa.Column("value", sa.Float, nullable=False),
    **COMPACT,
)
ingested = sa.Table(
    "ingested",
    metadata,
    _run_id(),
    sa.Column("path", sa.String, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("mtime_ns", sa.BigInteger, nullable=False),
    **COMPACT,
)
CHILDREN = (attempts, metrics, protocols, items, score_arrays, artifacts, series, ingested)


def connect(url: str, fresh: bool = False) -> sa.Engine:
    """Open an engine for `url`. SQLite gets journal_mode=DELETE (WAL fails on network file systems), a busy timeout and
    foreign keys. fresh: a file that nobody else knows and that is thrown away if we die, so nothing is synced.

    Raises StoreError for other kinds of database or a missing driver.
    """
    try:
        engine = sa.create_engine(url)
    except (sa.exc.ArgumentError, ModuleNotFoundError, ValueError) as error:
        raise StoreError(
            f"Cannot open the store at '{address.without_password(url)}': {error}. {address.VALID} "
            "(pip install 'fpd-bench[postgres]')."
        ) from error
    if engine.dialect.name not in ("sqlite", "postgresql"):
        raise StoreError(
            f"The store at '{address.without_password(url)}' is neither SQLite nor PostgreSQL. {address.VALID}."
        )
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _set_fresh_pragmas if fresh else _set_pragmas)
    return engine


def _set_pragmas(connection: Any, _record: Any) -> None:
    for pragma in (f"busy_timeout={BUSY_MS}", "journal_mode=DELETE", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _set_fresh_pragmas(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=MEMORY", "synchronous=OFF", "foreign_keys=OFF", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")


def create(engine: sa.Engine, anew: bool = False) -> None:
    """Make the tables that are missing and note the schema version. anew: drop them first, in the same transaction."""
    with engine.begin() as connection:
        if anew:
            metadata.drop_all(connection)
        metadata.create_all(connection)
        _add_indexes(connection)
        upsert(connection, meta, [{"key": "schema_version", "value": str(SCHEMA_VERSION)}])


def _add_indexes(connection: sa.Connection) -> None:
    """Make the indexes of a table of runs that is older than they are: nothing that is read changes.

    PostgreSQL lets only the table's owner do so; another one who may write goes on without, and reads more slowly.
    """
    for index in runs.indexes:
        try:
            with connection.begin_nested():
                index.create(connection, checkfirst=True)
        except sa.exc.ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) != NOT_THE_OWNER:
                raise


def version(engine: sa.Engine) -> int | None:
    """Read the schema version noted in the database; None for an empty one.

    Raises StoreError for a database that has tables but is not ours: it is never overwritten.
    """
    names = sa.inspect(engine).get_table_names()
    if not names:
        return None
    if meta.name not in names:
        if engine.dialect.name == "postgresql" and not set(names) & set(metadata.tables):
            return None  # our tables may live beside others
        tables = ", ".join(sorted(names)[:5])
        raise StoreError(f"{engine.url} is not an fpd-bench index (it has {tables}). Choose another file.")
    with engine.connect() as connection:
        found = connection.execute(sa.select(meta.c.value).where(meta.c.key == "schema_version")).scalar_one()
    return int(found) if found.isdecimal() else 0  # written by nobody we know: as old as can be


def upsert(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows, replacing those with the same natural key."""
    if not rows:
        return
    sqlite_dialect = connection.dialect.name == "sqlite"
    statement: Any = sqlite.insert(table) if sqlite_dialect else postgresql.insert(table)
    keys = [column.name for column in table.primary_key]
    values = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values), rows)


def insert(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows whose keys are new. As plain SQL: SQLAlchemy's own way takes three times as long for each row."""
    if not rows:
        return
    names = [column.name for column in table.columns]
    nested = [n for n, column in enumerate(table.columns) if isinstance(column.type, sa.JSON)]
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    values = [[row.get(name) for name in names] for row in rows]
    for row in values:
        for n in nested:
            row[n] = json.dumps(row[n])
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join([mark] * len(names))})"
    connection.exec_driver_sql(statement, [tuple(row) for row in values])


def json_text(value: Any) -> str:
    """Write the value of a column as one line of text: JSON, with bytes as hexadecimal digits."""
    return json.dumps(value, sort_keys=True, default=bytes.hex)
