"""Run directories -> index: the only code that reads the one and writes the other.

Ingest is incremental (a run is read again only if a file's size or mtime changed) and idempotent: ingesting in any
order, twice, or from nothing gives the same content. Jobs never open the index.
"""

import os
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import sqlalchemy as sa

from fpd_bench.errors import StoreError
from fpd_bench.records import layout
from fpd_bench.records.run_status import has_result
from fpd_bench.store import address, index_schema, reader
from fpd_bench.store.batch import Batch, delete_runs
from fpd_bench.store.database_errors import OUT_OF_REACH, Cause, cause_of, explain_errors, sqlite_file
from fpd_bench.store.lock import IndexWriter, one_writer

# What PostgreSQL says to the one of two writers that it ends: the key or table is there already, a deadlock, ...
OVERTAKEN = ("23505", "42P07", "42710", "40001", "40P01", "42P01")


@dataclass(frozen=True)
class Ingested:
    """What one ingest did: runs read, left alone because unchanged, and dropped because their folder is gone.

    aside: {run id: why} of the runs of this folder that are corrupt: in no table, and in nobody's way.
    """

    read: int = 0
    unchanged: int = 0
    dropped: int = 0
    rebuilt: bool = False
    aside: dict[str, str] = field(default_factory=dict)

    def set_aside_lines(self) -> list[str]:
        """Write a line for each run that was set aside."""
        return [f"Run {run_id} is corrupt and left out: {why}" for run_id, why in sorted(self.aside.items())]


def ingest(results: Path | str, url: str | None = None) -> Ingested:
    """Bring the index up to date with results/runs: created if missing, rebuilt if corrupt or of an older schema.

    Raises StoreError if the index has a newer schema, belongs to something else, stays locked or cannot be written.
    """
    results = Path(results)
    place = url or address.default_url(results)
    return _retry_if_overtaken(lambda: _ingest(results, place), place)


def _retry_if_overtaken(write: Callable[[], Ingested], url: str) -> Ingested:
    """Call `write`, once more if the server ended it to let another go on: older versions take no lock of ours."""
    with explain_errors("write", url):
        for last in (False, True):
            try:
                return write()
            except (sa.exc.IntegrityError, sa.exc.ProgrammingError, sa.exc.OperationalError) as error:
                if last or getattr(getattr(error, "orig", None), "sqlstate", None) not in OVERTAKEN:
                    raise
    raise AssertionError("unreachable")


def _ingest(results: Path, url: str) -> Ingested:
    results.mkdir(parents=True, exist_ok=True)
    with one_writer(sqlite_file(url), url) as writer:
        if _needs_rebuild(url, results, writer):
            return _rebuild(results, url, writer)
        engine = index_schema.connect(url)
        try:
            index_schema.create(engine)
            return _update(engine, results)
        finally:
            engine.dispose()
            if writer:
                writer.leave()


def rebuild(results: Path, url: str | None = None) -> Ingested:
    """Make the index anew from results/runs, whatever it held. Raises StoreError if it belongs to something else."""
    results = Path(results)
    place = url or address.default_url(results)
    return _retry_if_overtaken(lambda: _make_anew(results, place), place)


def _make_anew(results: Path, url: str) -> Ingested:
    results.mkdir(parents=True, exist_ok=True)
    with one_writer(sqlite_file(url), url) as writer:
        _refuse_foreign(url)
        return _rebuild(results, url, writer)


def _needs_rebuild(url: str, results: Path, writer: IndexWriter | None) -> bool:
    engine = index_schema.connect(url)
    try:
        found = index_schema.version(engine)
        if found is not None and writer and not writer.untouched():
            with engine.connect() as connection:
                if connection.execute(sa.text("PRAGMA quick_check(1)")).scalar_one() != "ok":
                    return True
    except (sa.exc.DatabaseError, sa.exc.NoResultFound, ValueError) as error:
        if writer is None or cause_of(error) in OUT_OF_REACH:
            raise
        return True  # not a database, or a malformed one
    finally:
        engine.dispose()
    if found is not None and found > index_schema.SCHEMA_VERSION:
        raise StoreError(
            f"The index at '{address.without_password(url)}' has schema {found}; this version of fpd-bench knows "
            f"{index_schema.SCHEMA_VERSION}. Update fpd-bench, or rebuild the index: "
            + index_schema.REBUILD.format(results=results)
        )
    return found is not None and found < index_schema.SCHEMA_VERSION


def _refuse_foreign(url: str) -> None:
    engine = index_schema.connect(url)
    try:
        index_schema.version(engine)
    except (sa.exc.SQLAlchemyError, ValueError) as error:
        if engine.dialect.name != "sqlite" or cause_of(error) is Cause.LOCKED:
            raise
        # A damaged index may be replaced; only a sound database of something else may not.
    finally:
        engine.dispose()


def _rebuild(results: Path, url: str, writer: IndexWriter | None) -> Ingested:
    if writer is None:
        engine = index_schema.connect(url)
        try:
            index_schema.create(engine, anew=True)
            return replace(_update(engine, results), rebuilt=True)
        finally:
            engine.dispose()
    target = writer.target
    temporary = target.with_name(f"{target.name}.rebuild-{os.getpid()}")
    temporary.unlink(missing_ok=True)
    engine = index_schema.connect(f"sqlite:///{temporary}", fresh=True)
    try:
        index_schema.create(engine)
        counts = _update(engine, results, place=target.parent)
        engine.dispose()
        _flush(temporary)
        # A journal of the old file must not be played back into the new one.
        target.with_name(f"{target.name}-journal").unlink(missing_ok=True)
        os.replace(temporary, target)
        writer.leave()
    finally:
        engine.dispose()
        temporary.unlink(missing_ok=True)
    return replace(counts, rebuilt=True)


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _update(engine: sa.Engine, results: Path, place: Path | None = None) -> Ingested:
    """Read what changed, drop what is gone."""
    root = _root_noted(engine, results, place)
    folders = {folder.name: folder for folder in run_folders(results)}
    present, known, others = _read_known(engine, root)
    batch, unchanged = Batch(engine, root, present), 0
    for run_id, folder in folders.items():
        stamp = reader.stamp_files(folder)
        if run_id in others or known.get(run_id) == stamp:
            unchanged += 1
            continue
        record = reader.read(folder)
        if record is not None:
            batch.add(record, stamp)
    batch.write()
    gone = sorted(known.keys() - folders.keys())
    with engine.begin() as connection:
        delete_runs(connection, [index_schema.runs], gone)
        corrupt = sa.select(index_schema.runs.c.run_id, index_schema.runs.c.message).where(
            index_schema.runs.c.status == "corrupt", index_schema.runs.c.root == root
        )
        aside = {run_id: message or "" for run_id, message in connection.execute(corrupt)}
    return Ingested(batch.written, unchanged, len(gone), aside=aside)


def run_folders(results: Path) -> list[Path]:
    """List the folders of results/runs that a run can be in, sorted; a copy beside them (`<id>.bak`) is left out."""
    runs = results / layout.RUNS
    names: list[str] = []
    with suppress(OSError), os.scandir(runs) as entries:  # no such folder, or no permission
        names = sorted(one.name for one in entries if layout.is_run_id(one.name) and one.is_dir())
    return [runs / name for name in names]


def _read_known(engine: sa.Engine, root: str) -> tuple[list[str], dict[str, reader.Stamp], set[str]]:
    """Read (ids of all runs of the index, stamps of those taken from `root`, ids that another results folder of a
    shared index has done)."""
    known: dict[str, reader.Stamp] = defaultdict(dict)
    present, others = [], set()
    with engine.connect() as connection:
        owners = sa.select(index_schema.runs.c.run_id, index_schema.runs.c.status, index_schema.runs.c.root)
        for run_id, status, where in connection.execute(owners).all():
            present.append(run_id)
            if where == root:
                known[run_id] = {}
            elif has_result(status):
                others.add(run_id)
        for run_id, path, size, mtime in connection.execute(sa.select(index_schema.ingested)).all():
            if run_id in known:
                known[run_id][path] = (size, mtime)
    return present, known, others


def _root_noted(engine: sa.Engine, results: Path, place: Path | None) -> str:
    """Give the results folder as `runs.root` notes it: relative to a SQLite file, so that both can move together."""
    target = sqlite_file(str(engine.url))
    if target is None:
        return str(results.resolve())
    return os.path.relpath(results.resolve(), (place or target.parent).resolve())
