"""A training that pauses: at which step, and its student and suite there (execution.pause_at).

The run stays the run it is: it trains on from its checkpoint, bit by bit as if it had never paused. What it answered
on the way is a suite of another name, `<suite>@<step>`, which no table reads.
"""

from dataclasses import replace

from torch import nn

from fpd_bench.bench import Suite, Track
from fpd_bench.config.schema import RunConfig
from fpd_bench.errors import RunError
from fpd_bench.records.layout import PAUSE
from fpd_bench.runs.folder import checkpoints
from fpd_bench.runs.folder.rundir import RunDir


def step_to_pause_at(run: RunDir, config: RunConfig) -> int:
    """Say at which step this training has yet to pause; 0 if it is to go to its end, or has gone further already."""
    newest = max(checkpoints.steps(run.checkpoints), default=0)
    step = config.execution.pause_at
    return step if newest <= step < config.optim.steps else 0


def is_reached(run: RunDir, config: RunConfig) -> bool:
    """Say whether the newest checkpoint is that of the pause."""
    return (
        config.execution.pause_at in checkpoints.steps(run.checkpoints)[-1:] if step_to_pause_at(run, config) else False
    )


def suite_at(suite: Suite, step: int) -> Suite:
    """Give the suite under the name of its answers at a pause."""
    return replace(suite, name=f"{suite.name}{PAUSE}{step}")


def student_at(run: RunDir, config: RunConfig, track: Track) -> nn.Module:
    """Load the student of the pause's checkpoint, with the weights that the evaluation asks for. Raises RunError."""
    found = checkpoints.load(run.checkpoints, lambda message: None)
    if found is None or found[0] != config.execution.pause_at:
        raise RunError(f"no undamaged checkpoint at step {config.execution.pause_at}; the same command makes it again")
    student = track.new_student()
    student.load_state_dict(found[1]["student" if config.evaluation.weights == "raw" else "average"])
    return student.eval()
