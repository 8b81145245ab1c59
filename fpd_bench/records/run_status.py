"""The states that a run can be in, and which of them mean what: the one list for files, index, views and reports.

planned (only its configuration is there), queued (a batch job has it), running, interrupted (on request; the same
command continues), failed, stale (its process is gone), corrupt (its files are not what DONE says), diverged, done.
"""

RESULTS = ("done", "diverged")  # what DONE can say: a run that has ended for good; `diverged` is a result
ALIVE = ("running", "queued")
TROUBLE = ("failed", "stale", "corrupt")
BEGUN = (*ALIVE, "failed", "interrupted", "stale")  # without a result so far
TO_DO = ("planned", *BEGUN)  # what a sweep performs; a corrupt run is left for its owner to judge
STEPLESS = ("planned", "queued", "done")  # in no stage, so without a step to show
STATES = ("planned", "interrupted", *ALIVE, *TROUBLE, *RESULTS)

ALL_STAGES = "all stages"  # together, in the events of a run of which only the sum of their times is known
ENDINGS = ("finished", "failed", "diverged", "interrupted")  # kinds of events that end an attempt


def has_result(state: str) -> bool:
    """Tell whether tables can use a run in this state."""
    return state in RESULTS
