"""What the training loop sees of its run directory: a log, pictures, checkpoints, progress, and whether to stop."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torchvision.utils import save_image

from fpd_bench.config.identity import semantic
from fpd_bench.config.schema import RunConfig
from fpd_bench.runs.folder import checkpoints, claims
from fpd_bench.runs.folder.failures import check_space
from fpd_bench.runs.folder.heartbeat import Heart
from fpd_bench.runs.folder.rundir import RunDir, now
from fpd_bench.runs.folder.stop_signals import StopFlag
from fpd_bench.runs.folder.whole_files import write_with
from fpd_bench.runs.perform.loggers import Mirrors

PROGRESS_SECONDS = 30.0  # between two progress events; the heartbeat tells the steps between


class RunRecorder:
    """The Recorder of one attempt."""

    def __init__(self, run: RunDir, claim: claims.RunClaim, attempt: int, stop: StopFlag):
        self.run, self.claim, self.attempt, self._stop = run, claim, attempt, stop
        self._seq = run.next_event("")["seq"]
        self._began = time.monotonic()
        self._last_progress = float("-inf")
        self._stage = ""
        self._step = 0
        self.pause_at = 0  # step at which the training is to pause; 0 = nowhere
        self.heart = Heart(run, attempt, claim)
        self._mirrors: Mirrors | None = None

    def event(self, kind: str, **fields: Any) -> None:
        """Append one event."""
        self.run.append_event({"seq": self._seq, "attempt": self.attempt, "time": now(), "kind": kind} | fields)
        self._seq += 1

    def enter(self, stage: str) -> None:
        """Note that a stage begins."""
        self._last_progress, self._stage, self._step = float("-inf"), stage, 0
        self.heart.enter(stage)
        self.event("stage_started", stage=stage)

    def log(self, row: dict[str, Any]) -> None:
        """Append one line to the training log; `time` is seconds since the attempt began unless the row says
        otherwise.
        """
        row = {"time": round(time.monotonic() - self._began, 3)} | row
        self.run.append_training(row)
        if self._mirrors:
            self._mirrors.write(row)

    @contextmanager
    def mirrored(self, config: RunConfig) -> Iterator[None]:
        """Give what is logged inside the block to where execution.log says, too."""
        if config.execution.log:
            results, warn = self.run.path.parent.parent, lambda message: self.event("warning", message=message)
            self._mirrors = Mirrors(config.execution.log, self.run.run_id, semantic(config), results, warn)
        try:
            yield
        finally:
            if self._mirrors:
                self._mirrors.close()
            self._mirrors = None

    def picture(self, step: int, images: Tensor) -> None:
        """Write images [n, 3, H, W] in [0, 1] as one grid."""
        write_with(self.run.picture(step), lambda path: save_image(images.detach().cpu(), path, format="png"))

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Write a checkpoint. Raises LostClaim if another process has the run by now, DiskFull without space."""
        self.keep_claim()
        check_space(self.run.path, checkpoints.newest_size(self.run.checkpoints))
        checkpoints.save(self.run.checkpoints, step, state)
        self.event("checkpoint", step=step)

    def load(self) -> dict[str, Any] | None:
        """Load the newest sound checkpoint's state; the log is cut back to its step."""
        found = checkpoints.load(self.run.checkpoints, lambda message: self.event("warning", message=message))
        step, state = found if found else (0, None)
        self.run.cut_training_log(step)
        return state

    def progress(self, step: int, steps: int) -> None:
        """Note how far the stage is: every step for the heartbeat, now and then one as an event."""
        self._step = step
        self.heart.progress(step, steps)
        if step < steps and time.monotonic() - self._last_progress < PROGRESS_SECONDS:
            return
        self._last_progress = time.monotonic()
        self.event("progress", step=step, steps=steps)

    def should_stop(self) -> bool:
        """Say whether to save and raise Interrupted."""
        return bool(self._stop) or self.at_pause()

    def at_pause(self) -> bool:
        """Say whether the training is where it was to pause, and nobody has asked for a real stop."""
        return not self._stop and self._stage == "train" and 0 < self.pause_at <= self._step

    def keep_claim(self) -> None:
        """Check that this process still holds the claim. Raises LostClaim."""
        if not claims.is_held(self.run.claim, self.claim):
            raise claims.LostClaim(f"run {self.run.run_id} was taken over by another process")
