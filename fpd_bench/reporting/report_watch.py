"""A report that follows a running sweep: written again whenever a run has ended."""

import sys
import time
from collections.abc import Callable, Hashable

from fpd_bench.reporting.model import TableResult


def follow(
    finished: Callable[[], Hashable],
    write: Callable[[], list[TableResult]],
    seconds: float,
) -> list[TableResult]:
    """Write the report whenever `finished` has changed, until no run is left to wait for; return its tables.

    finished: brings the index up to date and gives what has a result by now, something false if nothing has. A run that
    failed is waited for, since the sweep's command tries it again; Ctrl-C ends the watch.
    """
    before: Hashable = None
    while True:
        now = finished()
        if now and now != before:
            tables = write()
            done, planned = (sum(numbers) for numbers in zip(*(table.done for table in tables), strict=True))
            waiting = sum(table.unfinished for table in tables)
            print(f"{done} of {planned} runs are in the report; waiting for {waiting} runs.", file=sys.stderr)
            if not waiting:
                return tables
            before = now
        time.sleep(seconds)
