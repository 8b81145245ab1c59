"""What a sweep's tables stand on, as files that a repository can hold: rows of the index, and the images shown.

    <folder>/index.json.gz                          the sweep, and the rows of its runs, table by table
    <folder>/runs/<run id>/samples/<suite>.npz      the images that figures show; the others are black

Equal data give equal bytes.
"""

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from fpd_bench.errors import ConfigError, StoreError
from fpd_bench.records import layout
from fpd_bench.store import index_schema, score_arrays
from fpd_bench.store.query import Store

INDEX = "index.json.gz"
VERSION = 2  # raised when the columns of TABLES change
TABLES = ("runs", "attempts", "metrics", "protocols", "items", "artifacts", "series")
Images = Mapping[tuple[str, str], NDArray[np.uint8]]  # (run id, path in the run directory): images


@dataclass(frozen=True)
class Evidence:
    """What was written of a sweep. file, overrides: how it was reported; rows: {table: (columns, rows)}."""

    folder: Path
    file: str
    overrides: tuple[str, ...]
    rows: Mapping[str, tuple[list[str], list[list[Any]]]]

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Give the rows of each table as {column: value}."""
        return {
            name: [dict(zip(columns, row, strict=True)) for row in rows] for name, (columns, rows) in self.rows.items()
        }


def write(
    folder: Path, store: Store, run_ids: Sequence[str], images: Images, file: str, overrides: Sequence[str]
) -> None:
    """Write the rows of the runs and their images to `folder`, which must be new."""
    kept = {}
    for (run_id, path), pictures in sorted(images.items()):
        target = folder / layout.RUNS / run_id / path
        target.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(target, images=pictures)
        kept[run_id, path] = target
    tables = {name: _rows(store, name, run_ids, kept) for name in TABLES}
    content = {"schema_version": VERSION, "file": file, "overrides": list(overrides)}
    text = json.dumps(content | {"tables": tables}, sort_keys=True, ensure_ascii=False)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / INDEX).write_bytes(gzip.compress(text.encode(), mtime=0))


def _rows(store: Store, name: str, run_ids: Sequence[str], kept: Mapping[tuple[str, str], Path]) -> dict[str, Any]:
    frame = store.frame(name, run_ids)
    columns = list(frame.columns)
    rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    if name == "runs":  # where they lay is nobody's business
        rows = [[*row[:-1], "."] for row in rows]
    if name == "artifacts":
        found = (dict(zip(columns, row, strict=True)) for row in rows)
        rows = [
            [*(row | _as_written(kept[row["run_id"], row["path"]])).values()]
            for row in found
            if (row["run_id"], row["path"]) in kept
        ]
    return {"columns": columns, "rows": rows}


def _as_written(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def folders(folder: Path) -> list[Path]:
    """List where evidence lies: `folder` itself, or those in it. Raises ConfigError if there is none."""
    found = sorted(path.parent for path in [*folder.glob(INDEX), *folder.glob(f"*/{INDEX}")])
    if not found:
        raise ConfigError(
            f"'{folder}' holds no evidence (no */{INDEX}). To write some, run: python -m fpd_bench.report "
            "--out reports --evidence"
        )
    return found


def read(folder: Path) -> Evidence:
    """Read what `write` wrote. Raises StoreError for what is damaged, missing or of another version."""
    path = folder / INDEX
    try:
        content = json.loads(gzip.decompress(path.read_bytes()))
        version, tables = content["schema_version"], content["tables"]
        rows = {name: (tables[name]["columns"], tables[name]["rows"]) for name in TABLES}
        found = Evidence(folder, content["file"], tuple(content["overrides"]), rows)
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        said = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise StoreError(f"Cannot read the evidence '{path}': {said}. Take it from the repository again.") from error
    if version != VERSION:
        raise StoreError(
            f"The evidence '{path}' has schema {version}; this version of fpd-bench knows {VERSION}. "
            "Check out the version that wrote it."
        )
    return found


def open_store(evidence: Evidence, database: Path) -> Store:
    """Make an index of the evidence in `database`, a new SQLite file, and open it; runs' files stay where they are."""
    url = f"sqlite:///{database}"
    engine = index_schema.connect(url, fresh=True)
    index_schema.create(engine)
    with engine.begin() as connection:
        for name, records in evidence.tables().items():
            if name == "runs":
                records = [record | {"root": str(evidence.folder.resolve())} for record in records]
            if records:
                connection.execute(sa.insert(index_schema.metadata.tables[name]), records)
            if name == "items":
                index_schema.insert(connection, index_schema.score_arrays, score_arrays.pack(records))
    engine.dispose()
    return Store(database.parent, url)
