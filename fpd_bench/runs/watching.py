"""A table of runs that is drawn again and again: in place on a terminal, one under the other elsewhere."""

from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.text import Text

from fpd_bench.runs.watch.state import ALIVE
from fpd_bench.runs.execute.sweep_plan import Plan


def watch(shown: Callable[[], tuple[str, Plan]], seconds: float, sleep: Callable[[float], None]) -> Plan:
    """Draw `shown` every so many seconds until no run is at work or waits for a job, or Ctrl-C. Gives the last look."""
    console = Console()
    text, plan = shown()
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        try:
            while True:
                head = plan.sentence()
                if console.is_terminal:
                    live.update(Text(f"{head}\n{text}", no_wrap=True, overflow="ellipsis"), refresh=True)
                else:
                    print(f"{head}\n{text}", flush=True)
                if not any(state.state in ALIVE for state in plan.states.values()):
                    break
                sleep(seconds)
                text, plan = shown()
        except KeyboardInterrupt:
            pass
    return plan
