"""Requests to stop: signals only set a flag, which the training loop reads between two steps."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)  # USR2 is SLURM's warning before the end


class StopFlag:
    """How often the process was asked to stop. parent: also stop when the process with this pid is gone."""

    def __init__(self, parent: int | None = None) -> None:
        self.requests = 0
        self._parent = parent

    def __bool__(self) -> bool:
        return self.requests > 0 or (self._parent is not None and os.getppid() != self._parent)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.requests += 1


@contextmanager
def stop_flag(parent: int | None = None) -> Iterator[StopFlag]:
    """A flag that the signals set while the block runs. Outside the main thread there are no signals to catch."""
    flag = StopFlag(parent)
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    before = {number: signal.signal(number, flag._note) for number in SIGNALS}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
