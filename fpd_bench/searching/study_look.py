"""One look at a search: the index brought up to date, its trials, what they have reached, the winner so far."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from fpd_bench.config.searches.search_spec import Search
from fpd_bench.records import layout
from fpd_bench.searching.board import Board
from fpd_bench.searching.history import Trial, history
from fpd_bench.searching.racing import winner
from fpd_bench.store.ingest import Ingested, ingest
from fpd_bench.store.query import Store


@dataclass(frozen=True)
class Look:
    """What the index says of a search; the store stays open as long as the look lasts."""

    store: Store
    trials: list[Trial]
    board: Board
    best: Trial | None
    ingested: Ingested


@contextmanager
def look(search: Search, results: Path, url: str) -> Iterator[Look]:
    """Bring the index up to date and look. Where there are no results yet, nothing is written."""
    with tempfile.TemporaryDirectory() if not results.exists() else nullcontext() as empty:
        place = url if empty is None else f"sqlite:///{empty}/{layout.INDEX}"
        ingested = ingest(Path(empty or results), place)
        with Store(results, place) as store:
            trials = history(search, store)
            board = Board(search, store, trials)
            yield Look(store, trials, board, winner(search, trials, board), ingested)
