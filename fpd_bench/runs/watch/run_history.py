"""The history of one run, from its events: attempts, stages, troubles, and the tail of its log. Reads files only."""

from typing import Any

from fpd_bench.errors import OddFile
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.folder.submissions import job_output, read_log
from fpd_bench.runs.watch.live_view import duration

TAIL = 12  # lines


def history_of_run(run: RunDir) -> str:
    """Write a line for each event that matters, under the attempt it belongs to, then the last lines of output."""
    try:
        return _history(run)
    except OddFile as error:
        return f"its history cannot be read: {error}"


def _history(run: RunDir) -> str:
    lines: list[str] = []
    headed = 0
    for event in run.events():
        attempt = event.get("attempt") or 0
        if attempt > headed:
            record, headed = run.attempt(attempt), attempt
            job = record.get("job")
            lines.append(f"attempt {attempt} on {record.get('host', '?')}" + (f", job {job}" if job else ""))
        text = _event_text(event)
        if text:
            lines.append(f"  {event.get('time', '')}  {text}")
    tail = log_tail(run)
    return "\n".join(lines + (["the end of its log:", *(f"  {line}" for line in tail)] if tail else []))


def log_tail(run: RunDir) -> list[str]:
    """Return the last lines that the newest attempt with any has printed, or its batch job."""
    for attempt in reversed(run.attempts()):
        path, job = run.log_file(attempt), run.attempt(attempt).get("job")
        text = read_log(path)
        if not text and job:
            text = job_output(run, str(job), "err") or job_output(run, str(job), "out")
        if text:
            return text.splitlines()[-TAIL:]
    return []


def _event_text(event: dict[str, Any]) -> str:
    kind = event.get("kind")
    if kind == "stage_finished":
        return f"{event.get('stage')} finished after {duration(event.get('seconds'))}"
    if kind == "stage_started":
        return f"{event.get('stage')} started"
    if kind == "failed":
        return f"failed, {event.get('failure_class')}: {event.get('message')}"
    if kind == "memory":
        return f"goes on with micro_batch {event.get('micro_batch')}"
    if kind == "requeued":
        return f"job {event.get('job')} goes back into the queue"
    if kind in ("interrupted", "diverged"):
        return f"{kind} at step {event.get('step')}: {event.get('message', '')}".rstrip(": ")
    if kind == "warning":
        return f"warning: {event.get('message')}"
    return "finished" if kind == "finished" else ""
