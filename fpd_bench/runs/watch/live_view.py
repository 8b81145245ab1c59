"""What a sweep shows while it works: a live table on a terminal, a line now and then elsewhere. Reads files only."""

import threading
import time
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fpd_bench.runs.folder.outcome import Outcome
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.watch.state import RunState, state_of

LINE_SECONDS = 15.0  # between two lines when there is no terminal
LIVE_SECONDS = 0.5
_STAGE_SHARE = {"train": (0.0, 0.85), "sample": (0.85, 0.1), "evaluate": (0.95, 0.05)}  # (begin, length) of a run


class SweepView:
    """Follows the runs to do. labels: run id -> what it is; score: run id -> its score, once it has one."""

    def __init__(self, labels: dict[str, str], open_run: Callable[[str], RunDir], score: Callable[[str], float | None]):
        self.labels, self.open_run, self.score = labels, open_run, score
        self.ends: dict[str, Outcome] = {}
        self.last = ""
        self.console = Console(stderr=True)
        self._began = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._lines, daemon=True)
        self._live = Live(console=self.console, get_renderable=self._picture, refresh_per_second=1 / LIVE_SECONDS)

    def __enter__(self) -> "SweepView":
        self._live.start() if self.console.is_terminal else self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._live.stop() if self.console.is_terminal else self._thread.join()

    def tell(self, outcome: Outcome) -> None:
        """A run has ended, or is somebody else's for now."""
        if outcome.status == "busy" and outcome.run_id in self.ends:
            return
        self.ends[outcome.run_id] = outcome
        score = self.score(outcome.run_id) if outcome.status == "done" else None
        detail = f"score {score:.3f}" if score is not None else outcome.message
        self.last = " ".join(f"{outcome.run_id} {self.labels[outcome.run_id]}: {outcome.status} {detail}".split())
        if not self.console.is_terminal:
            self._print(self.last)

    def _ended(self) -> int:
        return sum(outcome.status != "busy" for outcome in list(self.ends.values()))

    def _running(self) -> list[RunState]:
        ended = {run_id for run_id, outcome in list(self.ends.items()) if outcome.status != "busy"}
        open_ones = [self.open_run(run_id) for run_id in self.labels if run_id not in ended]
        states = [state_of(run) for run in open_ones if run.claim.exists()]
        return [state for state in states if state.state == "running"]

    def _eta(self, running: list[RunState]) -> str:
        made = self._ended() + sum(map(_share, running))
        if made < 0.05:
            return "?"
        return duration((time.monotonic() - self._began) / made * (len(self.labels) - made))

    def _picture(self) -> RenderableType:
        running = self._running()
        table = Table(box=None, pad_edge=False)
        for title in ("run", "", "stage", "", "step", "left"):
            table.add_column(title)
        for state in running:
            bar = ProgressBar(total=1.0, completed=state.fraction, width=24)
            step = f"{state.step}/{state.steps}" if state.steps else ""
            table.add_row(state.run_id, self.labels[state.run_id], state.stage, bar, step, duration(state.eta_s))
        total = ProgressBar(total=len(self.labels), completed=self._ended(), width=24)
        head = Table.grid(padding=(0, 1))
        head.add_row(total, f"{self._ended()} of {len(self.labels)} runs ended, {self._eta(running)} left")
        return Group(head, table, Text(self.last, style="dim", no_wrap=True, overflow="ellipsis"))

    def _lines(self) -> None:
        while not self._over.wait(LINE_SECONDS):
            running = self._running()
            parts = [f"{s.run_id} {s.stage} {s.step}/{s.steps}" for s in running]
            self._print(f"{self._ended()} of {len(self.labels)} ended, {self._eta(running)} left; {', '.join(parts)}")

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _share(state: RunState) -> float:
    begin, length = _STAGE_SHARE.get(state.stage, (0.0, 0.0))
    return begin + length * state.fraction


def duration(seconds: float | None) -> str:
    """'45 s', '12 min', '3 h 05 min'; '' for None."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
