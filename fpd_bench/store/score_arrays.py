"""The scores of a run's suite as one row of the index: what tables read, a thousand times faster than item by item."""

import hashlib
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOATS = np.dtype("<f8")  # the same bytes on every machine


@dataclass(frozen=True)
class ItemList:
    """What was scored, in the order of the scores: keys (item, replicate), sorted; tasks: {item: task}."""

    keys: tuple[tuple[str, int], ...]
    tasks: dict[str, str]

    @cached_property
    def shape(self) -> tuple[int, int] | None:
        """Give (items, replicates of each), or None if the items do not all have the same ones."""
        replicates = sorted({replicate for _, replicate in self.keys})
        return (len(self.tasks), len(replicates)) if len(self.tasks) * len(replicates) == len(self.keys) else None


@dataclass(frozen=True)
class RunScores:
    """The scores of one run: `values` [images], in the order of `items.keys`."""

    items: ItemList
    values: NDArray[np.float64]

    def by_key(self) -> dict[tuple[str, int], float]:
        """Give {(item, replicate): score}."""
        return dict(zip(self.items.keys, self.values.tolist(), strict=True))


def pack(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join rows of `items` to rows of `score_arrays`, one a suite; their runs are those of the rows, if they say so.

    digest covers items, replicates, tasks and scores: all of them that a table reads.
    """
    suites: dict[tuple[Any, str], list[dict[str, Any]]] = defaultdict(list)
    for row in items:
        suites[row.get("run_id"), row["suite"]].append(row)
    return [_pack(run_id, suite, rows) for (run_id, suite), rows in suites.items()]


def _pack(run_id: Any, suite: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    rows = sorted(rows, key=lambda row: (row["item_id"], row["replicate"]))
    replicates: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        replicates[row["item_id"]].append(row["replicate"])
    tasks = {row["item_id"]: row["task"] for row in rows}
    listed = json.dumps([[item, tasks[item], some] for item, some in replicates.items()]).encode()
    values = np.array([row["score"] for row in rows], FLOATS).tobytes()
    digest = hashlib.sha256(listed + b"\n" + values).hexdigest()
    own = {} if run_id is None else {"run_id": run_id}
    return own | {"suite": suite, "digest": digest, "listed": zlib.compress(listed, 9), "scores": values}


def unpack(listed: bytes, scores: bytes) -> RunScores:
    """Read one row of `score_arrays`. Runs that were scored on the same images share one ItemList."""
    return RunScores(_item_list(bytes(listed)), np.frombuffer(scores, FLOATS).astype(np.float64))


@lru_cache(maxsize=64)
def _item_list(packed: bytes) -> ItemList:
    listed = json.loads(zlib.decompress(packed))
    keys = tuple((item, replicate) for item, _, replicates in listed for replicate in replicates)
    return ItemList(keys, {item: task for item, task, _ in listed})
