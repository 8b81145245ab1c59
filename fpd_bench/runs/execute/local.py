"""Executors on this machine: `inline` in this process, `local` in a pool of warm worker processes.

A worker keeps torch and its tracks loaded from run to run. If it dies, another takes its place and the run is tried
once more, from its last checkpoint. A run that another process has is waited for; if that process dies, it is ours.
"""

import contextlib
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path

from fpd_bench.runs.execute.executor import Tell
from fpd_bench.runs.folder import claims
from fpd_bench.runs.folder.failures import Patience
from fpd_bench.runs.folder.outcome import Outcome
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.folder.stop_signals import StopFlag, stop_flag

TRIES = 2  # of a run whose worker dies
WORKER_DIED = "worker_died"  # a failure class, see runs/folder/failures.py
POLL_SECONDS = 0.5
BUSY_SECONDS = 2.0  # between two looks at a run that another process has


def run_inline(runs: Iterable[RunDir], tell: Tell, patience: Patience | None = None) -> None:
    """Perform one run after the other in this process, for debugging. It stops at the first that is interrupted."""
    from fpd_bench.runs.perform.stages import Bench, perform

    bench, patience = Bench(), patience or Patience(0)
    with stop_flag() as stop:
        for run in runs:
            if stop:
                return
            outcome = perform(run, bench)
            tell(outcome)
            if patience.should_stop(run, outcome) or outcome.status == "interrupted":
                return


def run_local(runs: Iterable[RunDir], workers: int, threads: int, tell: Tell, patience: Patience | None = None) -> None:
    """Perform all runs in `workers` processes of `threads` torch threads; `tell` hears how each ended.

    A signal makes the workers save at their next step and stop; a second one kills them.
    """
    todo = list(runs)
    with stop_flag() as stop:
        pool = _Pool(todo, min(workers, len(todo)), threads, tell, patience or Patience(0))
        try:
            pool.work(stop)
        finally:
            pool.close()


@contextlib.contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Make processes that begin in the block ignore Ctrl-C until they handle it: it would end each with a traceback. A
    Ctrl-C during the block reaches this process after it."""
    resource_tracker.ensure_running()  # else it starts in the block, and unblocks the signal as it does
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


class _Worker:
    """One process and our end of its pipe."""

    def __init__(self, threads: int):
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, threads), daemon=True)
        with _ctrl_c_blocked():
            self.process.start()
        theirs.close()
        self.run: RunDir | None = None

    def give(self, run: RunDir) -> None:
        self.run = run
        with contextlib.suppress(OSError):  # died while idle: its pipe says so when we listen
            self.connection.send(str(run.path))


class _Pool:
    def __init__(self, runs: list[RunDir], workers: int, threads: int, tell: Tell, patience: Patience):
        self.patience = patience
        self.queue, self.threads, self.tell = deque(runs), threads, tell
        self.waiting: dict[str, tuple[float, RunDir]] = {}  # run id -> when to look again
        self.deaths: dict[str, int] = {}
        self.workers = [_Worker(threads) for _ in range(workers)]
        self.told_to_stop = 0

    def work(self, stop: StopFlag) -> None:
        """Hand out runs and hear of their ends until none is left."""
        while True:
            if stop.requests > self.told_to_stop:
                self._stop(kill=self.told_to_stop > 0)
                self.told_to_stop = stop.requests
            self._hand_out()
            busy = {worker.connection: worker for worker in self.workers if worker.run}
            if not busy and not self.queue and not self.waiting:
                return
            if not busy:
                time.sleep(POLL_SECONDS)
            for connection in wait(list(busy), timeout=POLL_SECONDS) if busy else []:
                self._receive(busy[connection])  # type: ignore[index]

    def close(self) -> None:
        """End the workers. One that is still at work after an error of ours is asked to save first."""
        for worker in self.workers:
            if worker.run and worker.process.is_alive():
                worker.process.terminate()
            worker.connection.close()
        for worker in self.workers:
            worker.process.join(30)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()

    def _hand_out(self) -> None:
        if self.told_to_stop:
            self.queue.clear()
            self.waiting.clear()
            return
        for run_id, (when, run) in list(self.waiting.items()):
            if time.monotonic() >= when:
                del self.waiting[run_id]
                self._look_again(run)
        for worker in self.workers:
            if self.queue and worker.run is None:
                worker.give(self.queue.popleft())

    def _look_again(self, run: RunDir) -> None:
        """Look again at a run that another process had: it has ended, it is ours to perform, or we go on waiting."""
        done = run.done()
        if done:
            self.tell(Outcome(run.run_id, done["status"]))
        elif not self._wait_for(run):
            self.queue.append(run)

    def _wait_for(self, run: RunDir) -> bool:
        """Look again later if a process of this host has the run; on another host we could wait for ever."""
        holder = claims.holder(run.claim)
        if holder and holder.on_this_host():
            self.waiting[run.run_id] = (time.monotonic() + BUSY_SECONDS, run)
        return holder is not None

    def _receive(self, worker: _Worker) -> None:
        assert worker.run
        try:
            outcome = worker.connection.recv()
        except (EOFError, OSError):
            self._replace(worker)
            return
        run, worker.run = worker.run, None
        if outcome.status == "busy" and not self._wait_for(run):
            self.queue.append(run)  # free again by now
            return
        if self.patience.should_stop(run, outcome):  # those at work may end
            self.queue.clear()
            self.waiting.clear()
        self.tell(outcome)

    def _replace(self, worker: _Worker) -> None:
        """Start another worker in the place of one that has died, and try its run once more."""
        run = worker.run
        assert run
        worker.process.join()
        self.workers.remove(worker)
        if self.told_to_stop:
            self.tell(Outcome(run.run_id, "interrupted", "stopped before its next checkpoint"))
            return
        self.workers.append(_Worker(self.threads))
        self.deaths[run.run_id] = self.deaths.get(run.run_id, 0) + 1
        if self.deaths[run.run_id] < TRIES:
            self.queue.appendleft(run)
            return
        code = worker.process.exitcode or 0
        message = f"its worker process died {TRIES} times ({_exit_text(code)})"
        if code == -signal.SIGKILL:
            message += ": somebody killed it, or memory ran out; fewer executor.workers need less memory"
        _note_death(run, message)
        self.tell(Outcome(run.run_id, "failed", message, WORKER_DIED))

    def _stop(self, kill: bool) -> None:
        for worker in self.workers:
            if worker.run and worker.process.is_alive():
                worker.process.kill() if kill else worker.process.terminate()


def _exit_text(code: int) -> str:
    return f"signal {-code}, {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _note_death(run: RunDir, message: str) -> None:
    """Write the failure that the dead worker could not write itself."""
    row = {"failure_class": WORKER_DIED, "message": message, "traceback": ""}
    run.append_event(run.next_event("failed") | row)


def _serve(connection: Connection, threads: int) -> None:
    """Work in a worker process: take a run directory, perform the run, send how it ended, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; an idle worker has nothing to save
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # blocked by `_ctrl_c_blocked`
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)  # before torch is imported
    from fpd_bench.runs.perform.stages import Bench, perform

    bench = Bench(follow_parent=True)
    while True:
        try:
            run = RunDir(connection.recv())
        except EOFError:
            return
        _redirect_output(run.log_file(max(run.attempts(), default=0) + 1))
        try:
            connection.send(perform(run, bench))
        except (BrokenPipeError, ConnectionResetError):
            return  # the orchestrator is gone; the run directory says how the run ended


def _redirect_output(log: Path) -> None:
    """Send this process's own output (warnings of libraries) to a file of the attempt, not over the live table."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
