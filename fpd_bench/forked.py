"""Work that a process of its own carries out meanwhile, so that a second processor has something to do."""

import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import TypeVar

T = TypeVar("T")
Tasks = Callable[[], Iterable[Callable[[], T]]]


def can_fork() -> bool:
    """Say whether a fork is safe here: on Linux, while no other thread holds a lock that nobody would open again."""
    return sys.platform == "linux" and threading.active_count() == 1


@contextmanager
def forked(tasks: Tasks[T]) -> Iterator[Callable[[], T | None]]:
    """Start a process that carries out tasks; give a function that waits for the next one's result, in their order.

    tasks: called in the process, to open there what two processes cannot share. The function returns None for a task
    that failed, or whose process was killed: carry it out here then, so that errors are told as they always are.
    Leaving early ends the process.
    """
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_work_and_send, args=(tasks, theirs), daemon=True)
    process.start()
    theirs.close()  # the process has its own: when it dies, ours ends
    try:
        yield lambda: _received(ours)
    finally:
        process.kill()  # after an error; else it has ended
        process.join()
        ours.close()


def _work_and_send(tasks: Tasks[T], end: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal it reaches all processes; the first one answers
    for task in tasks():
        try:
            made: T | None = task()
        except Exception:  # whatever it is: the first process carries it out again and tells the error
            made = None
        try:
            end.send(made)
        except OSError:  # nobody listens any more
            return


def _received(end: Connection) -> T | None:
    try:
        found: T | None = end.recv()
    except (EOFError, OSError):  # the process was killed
        return None
    return found
