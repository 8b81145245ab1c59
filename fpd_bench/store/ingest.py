"""Run directories -> index: the only code that reads the one and writes the other.

Ingest is incremental (a run is read again only if a file's size or mtime changed) and idempotent: ingesting in any
order, twice, or from nothing gives the same content. Jobs never open the index.
"""

import fcntl
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from fpd_bench.errors import StoreError
from fpd_bench.store import layout, reader, schema

LOCK_SECONDS = 120


@dataclass(frozen=True)
class Ingested:
    """What one ingest did: runs read, left alone because unchanged, and dropped because their folder is gone."""

    read: int = 0
    unchanged: int = 0
    dropped: int = 0
    rebuilt: bool = False


def ingest(results: Path, url: str | None = None) -> Ingested:
    """Bring the index up to date with results/runs: created if missing, rebuilt if corrupt or of an older schema.

    Raises StoreError if the index has a newer schema, belongs to something else, or stays locked.
    """
    url = url or schema.default_url(results)
    results.mkdir(parents=True, exist_ok=True)
    with _one_writer(url):
        if _needs_rebuild(url, results):
            return _rebuild(results, url)
        engine = schema.connect(url)
        try:
            schema.create(engine)
            return _update(engine, results)
        except sa.exc.OperationalError as error:
            raise StoreError(f"Cannot write the index at '{url}': {error.orig}.") from error
        finally:
            engine.dispose()


def rebuild(results: Path, url: str | None = None) -> Ingested:
    """Make the index anew from results/runs, whatever it held. Raises StoreError if it belongs to something else."""
    url = url or schema.default_url(results)
    results.mkdir(parents=True, exist_ok=True)
    with _one_writer(url):
        _refuse_foreign(url)
        return _rebuild(results, url)


def _needs_rebuild(url: str, results: Path) -> bool:
    engine = schema.connect(url)
    try:
        found = schema.version(engine)
        if found is not None and engine.dialect.name == "sqlite":
            with engine.connect() as connection:
                if connection.execute(sa.text("PRAGMA quick_check(1)")).scalar_one() != "ok":
                    return True
    except (sa.exc.OperationalError, sa.exc.NoResultFound, ValueError) as error:
        if "unable to open" in str(error) or "locked" in str(error) or engine.dialect.name != "sqlite":
            raise StoreError(f"Cannot open the index at '{url}': {getattr(error, 'orig', error)}.") from error
        return True
    except sa.exc.DatabaseError:  # not a database, or a malformed one
        return True
    finally:
        engine.dispose()
    if found is not None and found > schema.SCHEMA_VERSION:
        raise StoreError(
            f"The index at '{url}' has schema {found}; this version of fpd-bench knows {schema.SCHEMA_VERSION}. Update "
            f"fpd-bench, or rebuild the index: {schema.REBUILD.format(results=results)}"
        )
    return found is not None and found < schema.SCHEMA_VERSION


def _refuse_foreign(url: str) -> None:
    engine = schema.connect(url)
    try:
        schema.version(engine)
    except (sa.exc.SQLAlchemyError, ValueError):
        if engine.dialect.name != "sqlite":
            raise
        # A damaged index may be replaced; only a sound database of something else may not.
    finally:
        engine.dispose()


def _rebuild(results: Path, url: str) -> Ingested:
    target = _file(url)
    if target is None:
        engine = schema.connect(url)
        schema.metadata.drop_all(engine)
        schema.create(engine)
        counts = _update(engine, results)
        engine.dispose()
        return Ingested(counts.read, rebuilt=True)
    temporary = target.with_name(f"{target.name}.rebuild-{os.getpid()}")
    temporary.unlink(missing_ok=True)
    engine = schema.connect(f"sqlite:///{temporary}")
    try:
        schema.create(engine)
        counts = _update(engine, results, place=target.parent)
        engine.dispose()
        # A journal of the old file must not be played back into the new one.
        target.with_name(f"{target.name}-journal").unlink(missing_ok=True)
        os.replace(temporary, target)
    finally:
        engine.dispose()
        temporary.unlink(missing_ok=True)
    return Ingested(counts.read, rebuilt=True)


def _update(engine: sa.Engine, results: Path, place: Path | None = None) -> Ingested:
    """Read what changed, drop what is gone. Each run is one transaction: a kill leaves whole runs only."""
    root = _root(engine, results, place)
    folders = {folder.name: folder for folder in sorted((results / layout.RUNS).glob("*")) if folder.is_dir()}
    known, others = _known(engine, root)
    read = unchanged = 0
    for run_id, folder in folders.items():
        stamp = reader.stamp(folder)
        if run_id in others or known.get(run_id) == stamp:
            unchanged += 1
            continue
        record = reader.read(folder)
        if record is None:
            continue
        with engine.begin() as connection:
            _replace(connection, record, root, stamp)
        read += 1
    gone = sorted(known.keys() - folders.keys())
    with engine.begin() as connection:
        for run_id in gone:
            connection.execute(sa.delete(schema.runs).where(schema.runs.c.run_id == run_id))
    return Ingested(read, unchanged, len(gone))


def _known(engine: sa.Engine, root: str) -> tuple[dict[str, reader.Stamp], set[str]]:
    """Stamps of the runs taken from `root`; ids of runs that another results folder of a shared index has done."""
    known: dict[str, reader.Stamp] = defaultdict(dict)
    others = set()
    with engine.connect() as connection:
        owners = sa.select(schema.runs.c.run_id, schema.runs.c.status, schema.runs.c.root)
        for run_id, status, where in connection.execute(owners):
            if where == root:
                known[run_id] = {}
            elif status in ("done", "diverged"):
                others.add(run_id)
        for run_id, path, size, mtime in connection.execute(sa.select(schema.ingested)):
            if run_id in known:
                known[run_id][path] = (size, mtime)
    return known, others


def _replace(connection: sa.Connection, record: reader.Record, root: str, stamp: reader.Stamp) -> None:
    run_id = record.run["run_id"]
    schema.upsert(connection, schema.runs, [record.run | {"root": root}])
    files = [{"run_id": run_id, "path": path, "size": size, "mtime_ns": mtime} for path, (size, mtime) in stamp.items()]
    for table in schema.CHILDREN:
        connection.execute(sa.delete(table).where(table.c.run_id == run_id))
        schema.upsert(connection, table, files if table is schema.ingested else record.children[table.name])


def _root(engine: sa.Engine, results: Path, place: Path | None) -> str:
    """The results folder as noted in `runs.root`: relative to a SQLite file, so that both can move together."""
    target = _file(str(engine.url))
    if target is None:
        return str(results.resolve())
    return os.path.relpath(results.resolve(), (place or target.parent).resolve())


def _file(url: str) -> Path | None:
    parsed = sa.make_url(url)
    return Path(parsed.database) if parsed.drivername.startswith("sqlite") and parsed.database else None


@contextmanager
def _one_writer(url: str) -> Iterator[None]:
    """Hold `<index>.lock` while writing SQLite. Where the file system has no locks, SQLite's own must do."""
    target = _file(url)
    if target is None:
        yield
        return
    with target.with_name(f"{target.name}.lock").open("w") as handle:
        _acquire(handle.fileno(), target)
        yield


def _acquire(descriptor: int, target: Path) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                message = f"'{target}' has been locked by another writer for {LOCK_SECONDS} s. Try again later."
                raise StoreError(message) from None
            time.sleep(0.1)
        except OSError:
            return
