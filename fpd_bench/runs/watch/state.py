"""Where a run stands, read from its files alone, so that any process can ask. Needs no torch."""

from dataclasses import dataclass, replace
from typing import Any

from fpd_bench.errors import OddFile
from fpd_bench.records import layout, run_status
from fpd_bench.runs.folder import claims, heartbeat, notes, submissions
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.slurm import scheduler

WARN_SILENT_MIN = 5  # without a heartbeat from another host, before people are warned
Row = dict[str, Any]


@dataclass(frozen=True)
class RunState:
    """state: planned | queued (a batch job has it) | running | interrupted | failed | stale (its process is gone) |
    corrupt | diverged | done.

    step of steps: of the stage; eta_s: seconds left in it, at the pace of this attempt. host, pid, job: of the last
    attempt; sign: when its heartbeat was last heard. error: the last failure or warning of a run that goes on.
    step of steps: of the stage; eta_s: seconds left in it, at the pace of this attempt. host, pid, job: of the last
    attempt; sign: when its heartbeat was last heard. error: the last failure or warning of a run that goes on.
    tags, note: what people have said of the run.
    """

    run_id: str
    state: str
    stage: str = ""
    step: int = 0
    steps: int = 0
    eta_s: float | None = None
    attempt: int = 0
    message: str = ""
    traceback: str = ""
    host: str = ""
    pid: int = 0
    job: str = ""
    sign: str = ""
    error: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""

    @property
    def has_result(self) -> bool:
        """Say whether tables can use the run; `diverged` is a result."""
        return run_status.has_result(self.state)

    @property
    def fraction(self) -> float:
        """Return the share of the present stage that is done, 0 to 1."""
        return self.step / self.steps if self.steps else 0.0


def state_of(run: RunDir) -> RunState:
    """Read the run's files, and look whether the process that claims it lives.

    A run with a file that was not written by this program is corrupt, whatever its other files say. Nothing is raised,
    so that one such run does not stop a look at many.
    """
    try:
        layout.refuse_odd(run.path)
        _read_all(run)
        said = notes.read(run)
        return replace(_state_of(run), tags=said.tags, note=said.note)
    except (OddFile, OSError) as error:
        return RunState(run.run_id, "corrupt", message=f"{error}. Repair {run.path}, or move it away to run it again.")


def _read_all(run: RunDir) -> None:
    """Read every file of the run. Raises OddFile for one that an attempt or the index could not read."""
    layout.read_json(run.path / layout.IDENTITY)
    run.training_log()
    for attempt in run.attempts():
        run.attempt(attempt)


def _state_of(run: RunDir) -> RunState:
    events = run.events()
    attempt = max((event.get("attempt") or 0 for event in events), default=0)
    mine = [event for event in events if event.get("attempt") == attempt]
    stage = _last_event(mine, "stage_started").get("stage") or ""
    step, steps = _progress(mine)
    name, message, traceback = _state(run, mine)
    state = RunState(
        run.run_id, name, stage, step, steps, None, attempt, message, traceback, error=_last_trouble(run, events)
    )
    return _with_beat(state, heartbeat.read(run), run)


def _last_trouble(run: RunDir, events: list[Row]) -> str:
    """Return the last message about trouble."""
    silent = claims.silent_min_elsewhere(run.claim)
    if silent >= WARN_SILENT_MIN:
        advice = f"python -m fpd_bench.status {run.run_id} says how to free the run"
        return f"no sign of life for {silent:.0f} min, counts as running until {claims.SILENT_MIN} min; {advice}"
    last = _last_event(events, "failed", "warning")
    words = [last.get("failure_class"), last.get("message")]
    return f"attempt {last.get('attempt')}: {': '.join(str(word) for word in words if word)}" if last else ""


def _with_beat(state: RunState, beat: heartbeat.Beat | None, run: RunDir) -> RunState:
    """Add what the heartbeat knows better than the events: step and pace of a stage, and who is at work."""
    if beat is None or beat.attempt != state.attempt:
        record = run.attempt(state.attempt)
        return replace(state, host=str(record.get("host") or ""), job=str(record.get("job") or ""))
    state = replace(state, host=beat.host, pid=beat.pid, job=beat.job, sign=beat.time)
    if beat.stage != state.stage or not beat.steps:
        return state
    return replace(state, step=beat.step, steps=beat.steps, eta_s=beat.left_s if state.state == "running" else None)


def with_scheduler_answers(states: dict[str, RunState], runs: dict[str, RunDir]) -> dict[str, RunState]:
    """Add to `states` what the scheduler says of the runs in its jobs; without an answer they stay as they are."""
    given = {
        name: submission
        for name, state in states.items()
        if state.state in run_status.ALIVE and (submission := _submission(runs[name]))
    }
    signs = {submission.token: submissions.last_written(runs[name]) for name, submission in given.items()}
    notes = next((runs[name].path.parent.parent / submissions.LOGS for name in given), None)
    answers = scheduler.Scheduler(notes=notes).ask(given.values(), signs)
    judged = dict(states)
    for name, submission in given.items():
        answer, holder = answers[submission.token], claims.holder(runs[name].claim)
        if answer.over and not (holder and (holder.on_this_host() or holder.job != answer.job_id)):
            message = f"{submission} is over ({answer.state}); the same command continues"
            judged[name] = replace(states[name], state="stale", message=message)
        elif states[name].state == "queued" or answer.state == scheduler.UNKNOWN:
            judged[name] = replace(states[name], message=f"{submission}: {answer}")
    return judged


def _submission(run: RunDir) -> submissions.Submission | None:
    try:
        return submissions.read(run)
    except OddFile:  # since the first look; the next one tells
        return None


def _state(run: RunDir, events: list[Row]) -> tuple[str, str, str]:
    done = run.done()
    if done:
        damaged = run.damaged()
        if damaged:
            message = f"changed or missing since DONE was written: {', '.join(damaged)}"
            return "corrupt", f"{message}. Remove {run.path} to run it again.", ""
        return done["status"], _last_event(events, "diverged").get("message") or "", ""
    holder = claims.holder(run.claim)
    if holder:
        return "running", claims.describe_holder(run.claim, holder), ""
    submission = submissions.read(run)
    if submission:
        return "queued", str(submission), ""
    end = _last_event(events, *run_status.ENDINGS)
    if end.get("kind") == "failed":
        return "failed", f"{end.get('failure_class')}: {end.get('message')}", end.get("traceback") or ""
    if end.get("kind") == "interrupted":
        return "interrupted", end.get("message") or "", ""
    if events:
        return "stale", "its process is gone; the same command continues from the last checkpoint", ""
    return "planned", "", ""


def _progress(events: list[Row]) -> tuple[int, int]:
    """Return (step, steps) that the events of the last stage tell."""
    begin = max((n for n, event in enumerate(events) if event.get("kind") == "stage_started"), default=0)
    last = _last_event(events[begin:], "progress")
    return last.get("step") or 0, last.get("steps") or 0


def _last_event(events: list[Row], *kinds: str) -> Row:
    return next((event for event in reversed(events) if event.get("kind") in kinds), {})
