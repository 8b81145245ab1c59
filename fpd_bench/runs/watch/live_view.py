"""What a sweep shows while it works: a live table on a terminal, a line now and then elsewhere. Reads files only."""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fpd_bench.config.schema import RunConfig
from fpd_bench.runs.execute.sweep_plan import open_run
from fpd_bench.runs.folder.outcome import Outcome
from fpd_bench.runs.folder.stop_signals import StopFlag
from fpd_bench.runs.watch.past_durations import mean_durations
from fpd_bench.runs.watch.row_scores import run_score
from fpd_bench.runs.watch.state import RunState, state_of
from fpd_bench.runs.watch.time_left import seconds_left, workloads

LOOK_SECONDS, LINES = 5.0, 3  # when there is no terminal: between two looks, and looks to a line
SETTLED = 20.0  # seconds of work before its pace is told: runs say only every five how far they are
LIVE_SECONDS = 0.5
UNDER_WAY = ("busy", "waiting")  # what is heard of a run that has not ended


class SweepView:
    """Follows the runs to do. configs: run id -> its configuration; labels: run id -> what it is called.

    stop: tells whether the user has asked for an end.
    """

    def __init__(
        self, configs: Mapping[str, RunConfig], labels: Mapping[str, str], results: Path, metric: str, stop: StopFlag
    ):
        self.labels, self.metric, self.stop = labels, metric, stop
        self.runs = {run_id: open_run(results, run_id) for run_id in configs}
        self.ends: dict[str, Outcome] = {}
        self.last = ""
        self.console = Console(stderr=True)
        self._work = workloads(configs, mean_durations(results))
        self._begun = {run_id: self._work[run_id].done(state_of(run)) for run_id, run in self.runs.items()}
        self._now = dict(self._begun)
        self._most = 1  # runs at work together
        self._began: float | None = None  # when the first work was seen: what comes before it is no pace
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
        """Note that a run has ended, or that another process has it for now."""
        if outcome.status in UNDER_WAY and outcome.run_id in self.ends:
            return
        self.ends[outcome.run_id] = outcome
        score = run_score(self.runs[outcome.run_id], self.metric) if outcome.status == "done" else None
        words = outcome.words if score is None else f"done score {score:.3f}"
        self.last = f"{outcome.run_id} {self.labels[outcome.run_id]}: {words}"
        if not self.console.is_terminal:
            self._print(self.last)

    def look(self) -> list[RunState]:
        """Look at the files of all runs that are not over; return those at work."""
        over, running = self._ended(), []
        for run_id, run in self.runs.items():
            if run_id in over:
                self._now[run_id] = self._work[run_id].total if over[run_id].finished else self._now[run_id]
            elif run.claim.exists():
                state = state_of(run)
                self._now[run_id] = max(self._now[run_id], self._work[run_id].done(state))
                running += [state] if state.state == "running" else []
        self._most = max(self._most, len(running))
        if self._began is None and self._now != self._begun:
            self._begun, self._began = dict(self._now), time.monotonic()
        return running

    def sentence(self, at_work: int) -> str:
        """Say how far the sweep is: '3 of 8 runs ended (1 failed), 12 min left', and what has become of the others."""
        statuses = Counter(outcome.status for outcome in dict(self.ends).values())
        ended = statuses["done"] + statuses["diverged"] + statuses["failed"]
        failed = f" ({statuses['failed']} failed)" if statuses["failed"] else ""
        phrases = [f"{ended} of {len(self.runs)} runs ended{failed}"]
        phrases += [f"{statuses['interrupted']} stopped"] if statuses["interrupted"] else []
        phrases += [f"{statuses['busy']} of another process"] if statuses["busy"] else []
        if self.stop:
            return ", ".join([*phrases, f"{at_work} at work until they have saved" if at_work else "stopping"])
        left = self._seconds_left()
        return ", ".join(phrases if left is None else [*phrases, f"{duration(left)} left"])

    def _seconds_left(self) -> float | None:
        """Estimate the rest at the pace since work began: loading torch and the track is none. None: too early."""
        if self._began is None or time.monotonic() - self._began < SETTLED:
            return None
        elapsed = time.monotonic() - self._began
        return seconds_left(self._work, self._begun, self._now, self._ended(), elapsed, self._most)

    def _ended(self) -> dict[str, Outcome]:
        return {run_id: outcome for run_id, outcome in list(self.ends.items()) if outcome.status not in UNDER_WAY}

    def _picture(self) -> RenderableType:
        running = self.look()
        table = Table(box=None, pad_edge=False)
        for title in ("run", "", "stage", "", "step", "left"):
            table.add_column(title)
        for state in running:
            bar = ProgressBar(total=1.0, completed=state.fraction, width=24)
            step = f"{state.step}/{state.steps}" if state.steps else ""
            table.add_row(state.run_id, self.labels[state.run_id], state.stage, bar, step, duration(state.eta_s))
        total = ProgressBar(
            total=sum(one.total for one in self._work.values()), completed=sum(self._now.values()), width=24
        )
        head = Table.grid(padding=(0, 1))
        head.add_row(total, self.sentence(len(running)))
        return Group(head, table, Text(self.last, style="dim", no_wrap=True, overflow="ellipsis"))

    def _lines(self) -> None:
        for n in count(1):
            if self._over.wait(LOOK_SECONDS):
                return
            running = self.look()
            if n % LINES:
                continue
            phrases = [f"{s.run_id} {f'{s.stage} {s.step}/{s.steps}' if s.steps else 'begins'}" for s in running]
            self._print("; ".join(filter(None, (self.sentence(len(running)), ", ".join(phrases)))))

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def duration(seconds: float | None) -> str:
    """Write seconds for people: '45 s', '12 min', '3 h 05 min'; '' for None."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
