"""Where runs stand, as a table of text for people, drawn once or again and again, and as objects for programs."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict

from rich.console import Console
from rich.live import Live
from rich.text import Text

from fpd_bench.records.run_status import ALIVE, STEPLESS, TROUBLE
from fpd_bench.runs.execute.sweep_plan import SweepPlan
from fpd_bench.runs.watch.live_view import duration
from fpd_bench.runs.watch.state import RunState

HEAD = ("run", "state", "cell", "step", "left", "attempt", "host", "tags", "last word")
LONGEST = 160  # characters of a last word; `status RUN` and --json have all of them


def status_table(labels: dict[str, str], states: Iterable[RunState]) -> str:
    """Write a line for each run under a line of titles; columns that all runs leave empty are left out."""
    rows = [HEAD, *(_row(labels.get(state.run_id, ""), state) for state in states)]
    if len(rows) == 1:
        return "no runs"
    columns = [n for n in range(len(HEAD)) if any(row[n] for row in rows[1:])]
    width = {n: max(len(row[n]) for row in rows) for n in columns}
    return "\n".join("  ".join(row[n].ljust(width[n]) for n in columns).rstrip() for row in rows)


def as_json(labels: dict[str, str], state: RunState) -> str:
    """Write one JSON object on one line, every field of RunState and the label."""
    return json.dumps({"label": labels.get(state.run_id, "")} | asdict(state))


def any_trouble(states: Iterable[RunState]) -> bool:
    """Say whether something is wrong with any of them."""
    return any(state.state in TROUBLE for state in states)


def _row(label: str, state: RunState) -> tuple[str, ...]:
    unfinished = state.state not in STEPLESS
    step = f"{state.stage} {state.step}/{state.steps}" if unfinished and state.steps else ""
    left = duration(state.eta_s) if state.state == "running" else ""
    attempt = str(state.attempt) if state.attempt else ""
    host = f"{state.host} ({state.job})" if state.job and state.state in ALIVE else state.host
    return state.run_id, state.state, label, step, left, attempt, host, " ".join(state.tags), _last_word(state)


def _last_word(state: RunState) -> str:
    text = state.error if state.state == "running" and state.error else state.message
    if state.state == "running" and not state.error:
        text = ""  # host and attempt say it
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def watch_runs(look: Callable[[], tuple[str, SweepPlan]], seconds: float, sleep: Callable[[float], None]) -> SweepPlan:
    """Draw what `look` returns every so many seconds, in place on a terminal, one under the other elsewhere.

    Ends when no run is at work or waits for a job. Returns the last look.
    """
    console = Console()
    text, plan = look()
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        while True:
            head = plan.sentence()
            if console.is_terminal:
                live.update(Text(f"{head}\n{text}", no_wrap=True, overflow="ellipsis"), refresh=True)
            else:
                print(f"{head}\n{text}", flush=True)
            if not any(state.state in ALIVE for state in plan.states.values()):
                return plan
            sleep(seconds)
            text, plan = look()
