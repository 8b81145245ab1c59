"""Requests to stop: signals only set a flag, which the training loop reads between two steps."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)  # USR2 is SLURM's warning before the end


class StopFlag:
    """How often the process was asked to stop, and by which signal last (0 = none).

    parent: also stop when the process with this pid is gone. around: the flag of an enclosing block, which hears what
    this one hears, and whose requests were meant for this one, too.
    """

    def __init__(self, parent: int | None = None, around: "StopFlag | None" = None) -> None:
        self.requests: int = around.requests if around is not None else 0
        self.signal: int = around.signal if around is not None else 0
        self._parent, self._around = parent, around

    def __bool__(self) -> bool:
        return self.requests > 0 or (self._parent is not None and os.getppid() != self._parent)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.requests += 1
        self.signal = number
        if self._around is not None:
            self._around._note(number, frame)


@contextmanager
def stop_flag(parent: int | None = None) -> Iterator[StopFlag]:
    """Give a flag that the signals set while the block runs. Outside the main thread there are no signals to catch."""
    if threading.current_thread() is not threading.main_thread():
        yield StopFlag(parent)
        return
    around = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    flag = StopFlag(parent, around if isinstance(around, StopFlag) else None)
    before = {number: signal.signal(number, flag._note) for number in SIGNALS}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
