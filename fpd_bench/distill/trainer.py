"""The training loop, top to bottom, for every method: draw prompts, add gradients, clip, step, average, record.

Everything random comes from named streams and everything that changes is in the checkpoint, so a resumed run is
bit-identical to an uninterrupted one on the same kind of machine.
"""

import copy
import math
import time
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from fpd_bench.bench import Track
from fpd_bench.config.schema import OptimConfig, RunConfig
from fpd_bench.distill import parallel
from fpd_bench.distill.drafting import draft_codes, draft_logits, draw_noise, draw_start, settle
from fpd_bench.distill.method import Method, new_student
from fpd_bench.errors import ConfigError, Diverged, Interrupted
from fpd_bench.models.compute import computing
from fpd_bench.models.devices import peak_memory_gb
from fpd_bench.models.streams import Streams, seed_of
from fpd_bench.registry import methods

PICTURES = 8  # prompts in a progress picture, two samples of each


class Recorder(Protocol):
    """Where a run's traces go; runs/perform/recorder.py writes them to the run directory."""

    def log(self, row: dict[str, Any]) -> None: ...
    def picture(self, step: int, images: Tensor) -> None: ...
    def save(self, step: int, state: dict[str, Any]) -> None: ...
    def load(self) -> dict[str, Any] | None: ...
    def progress(self, step: int, steps: int) -> None: ...
    def should_stop(self) -> bool: ...


class SilentRecorder:
    """The recorder of a rank that writes nothing and decides nothing."""

    def log(self, row: dict[str, Any]) -> None: ...
    def picture(self, step: int, images: Tensor) -> None: ...
    def save(self, step: int, state: dict[str, Any]) -> None: ...
    def progress(self, step: int, steps: int) -> None: ...

    def load(self) -> dict[str, Any] | None:
        return None

    def should_stop(self) -> bool:
        return False


def learning_rate(optim: OptimConfig, step: int) -> float:
    """Return the learning rate of a step: linear warm-up, then constant, or cosine down to a twentieth at the last
    step.
    """
    warm = min(1.0, (step + 1) / optim.warmup) if optim.warmup else 1.0
    if optim.schedule == "constant":
        return optim.lr * warm
    return optim.lr * warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / optim.steps)))


class Training:
    """Student, its average, optimizer, method and streams: all that a checkpoint holds."""

    def __init__(self, config: RunConfig, track: Track):
        self.config, self.track = config, track
        self.step = 0
        self.streams = Streams(config.seed)
        self.student = new_student(config, track)
        self.average = copy.deepcopy(self.student).requires_grad_(False)
        self.method: Method = methods.get(config.method)(config, track, self.streams)
        _check_ranks(config)
        first, second = config.optim.betas
        self.optimizer = torch.optim.AdamW(
            self.student.parameters(), betas=(first, second), weight_decay=config.optim.weight_decay
        )

    def advance(self) -> dict[str, float]:
        """Train one step; return the row to log. Raises Diverged before a bad gradient reaches the weights, and if the
        optimizer made them NaN or infinite all the same: nothing would notice that after the last step."""
        optim, began = self.config.optim, time.perf_counter()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(optim, self.step)
        per_prompt = self.config.optim.samples_per_condition
        prompts = self.track.draw_conditions(optim.batch // per_prompt, self.streams["conditions"])
        condition = parallel.own_rows(prompts.repeat(per_prompt))
        self.optimizer.zero_grad(set_to_none=True)
        with self._computing():
            row = self.method.backward(self.student, condition, self.step / optim.steps)
        parallel.sum_gradients(self.student.parameters())
        row = parallel.mean(row)
        norm = float(nn.utils.clip_grad_norm_(self.student.parameters(), optim.clip or math.inf))
        if not (math.isfinite(row["loss"]) and math.isfinite(norm)):
            raise Diverged(f"loss {row['loss']}, gradient norm {norm} at step {self.step}", self.step)
        self.optimizer.step()
        self._check_weights()
        with self._computing():
            own = self.method.after_step(self.student, condition)
        row |= parallel.mean(own)
        self._update_average(optim.ema)
        self.step += 1
        return {"step": self.step, **row, "gradient_norm": norm, "seconds/step": time.perf_counter() - began}

    def _computing(self) -> AbstractContextManager[None]:
        execution = self.config.execution
        return computing(self.config.optim.precision, execution.activation_checkpointing, execution.compile)

    @torch.no_grad()
    def _check_weights(self) -> None:
        largest = nn.utils.get_total_norm(list(self.student.parameters()), norm_type=math.inf)
        if not math.isfinite(largest):
            done = self.step + 1
            raise Diverged(f"a weight is NaN or infinite after step {done} of {self.config.optim.steps}", done)

    @torch.no_grad()
    def _update_average(self, decay: float) -> None:
        decay = min(decay, (1 + self.step) / (10 + self.step))  # short memory at first
        for mean, value in zip(self.average.parameters(), self.student.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)

    @torch.no_grad()
    def picture(self) -> Tensor:
        """Draw one-step samples [2 PICTURES, 3, H, W] of the averaged student; the same prompts and noise at every
        step.
        """
        noise = torch.Generator().manual_seed(seed_of("picture", self.config.seed))
        condition = self.track.suite("validation").condition
        spread = torch.linspace(0, len(condition) - 1, PICTURES).long()
        chosen = condition[spread].repeat(2)
        begin, codebook = self.config.start, self.track.tokenizer.codebook
        start = draw_start(len(chosen), self.track, begin, noise).to(codebook.device)
        draws = draw_noise(len(chosen), self.track, begin, noise).to(codebook.device)
        look = settle(self.average, [noise] * len(chosen))
        codes = draft_codes(draft_logits(look, start, chosen, begin), draws, begin)
        return self.track.tokenizer.decode(codebook[codes], chosen).clamp(0, 1)

    def state_dict(self) -> dict[str, Any]:
        stateful = ("student", "average", "optimizer", "method", "streams")
        return {"step": self.step, **{part: getattr(self, part).state_dict() for part in stateful}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        for part in ("student", "average", "optimizer", "method", "streams"):
            getattr(self, part).load_state_dict(state[part])


def _check_ranks(config: RunConfig) -> None:
    """Check that this team's processes can share the batch. Raises ConfigError."""
    if config.optim.batch % parallel.ranks():
        raise ConfigError(f"optim.batch={config.optim.batch} cannot be shared equally by {parallel.ranks()} processes.")
    if parallel.ranks() > 1 and not methods.declaration(config.method).data_parallel:
        raise ConfigError(f"method={config.method} cannot share a batch among processes. Use execution.processes=1.")


def train(config: RunConfig, track: Track, recorder: Recorder) -> dict[str, Tensor]:
    """Train to config.optim.steps, from the last good checkpoint if there is one.

    Every rank of a team calls it; all but rank 0 with a SilentRecorder.
    Returns the averaged weights by name and the last raw ones under `raw.`. Raises Diverged and Interrupted.
    """
    training, execution, steps = Training(config, track), config.execution, config.optim.steps
    pictures = execution.grid_every if parallel.rank() == 0 else 0
    state = parallel.from_rank_0(recorder.load())
    if state is not None:
        training.load_state_dict(state)
    elif pictures:
        recorder.picture(0, training.picture())
    while training.step < steps:
        row = training.advance()
        step, last = training.step, training.step == steps
        recorder.progress(step, steps)
        if step == 1 or step % execution.log_every == 0 or last:
            recorder.log(row | {"memory_gb": round(peak_memory_gb(track.tokenizer.codebook.device), 3)})
        if pictures and (step % pictures == 0 or last):
            recorder.picture(step, training.picture())
        stop = parallel.from_rank_0(recorder.should_stop())
        if stop or last or (execution.checkpoint_every and step % execution.checkpoint_every == 0):
            recorder.save(step, training.state_dict())
        if stop and not last:
            raise Interrupted(f"stopped after step {step} of {steps}; the same command continues")
    raw = {f"raw.{name}": tensor for name, tensor in training.student.state_dict().items()}
    return {**training.average.state_dict(), **raw}
