"""What every way of training a one-step student has in common: the Method interface and the phase clock."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from fpd_bench.bench import Condition, Track
from fpd_bench.config.schema import OptimConfig, RunConfig
from fpd_bench.distill.work import Networks, Work
from fpd_bench.registry import methods


class Method(Protocol):
    """Built as method(config, track, streams). What it reads, refuses and needs is declared in fpd_bench/registry.py.

    The trainer owns the student's optimizer; a method owns whatever else it trains. One whose student is more than a
    copy of the teacher also has `new_student(config, track)`, a static method.
    """

    def backward(self, student: nn.Module, condition: Condition, progress: float) -> dict[str, float]:
        """Add this step's gradient to the student; return the numbers to log.

        The trainer adds up the gradients of all ranks. condition: B prompts of this rank, samples_per_condition in a
        row for each; progress: share of training done, in [0, 1).
        Reports seconds per phase as `seconds/<phase>` and must return a finite-checkable `loss`.
        """
        ...

    def after_step(self, student: nn.Module, condition: Condition) -> dict[str, float]:
        """Train the method's own networks after the student's update; return the numbers to log."""
        ...

    @staticmethod
    def cost(config: RunConfig, networks: Networks) -> Work:
        """Count what a step computes for an image, for the plan of a sweep (`sweep --dry-run plan.gpu=`)."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return all of the method's own state (networks, optimizers), loadable with weights_only=True."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def new_student(config: RunConfig, track: Track) -> nn.Module:
    """Make what the method trains: a copy of the teacher, or what the method's own `new_student` makes of one."""
    make = getattr(methods.get(config.method), "new_student", None)
    return track.new_student() if make is None else make(config, track)


def micro_batches(batch: int, size: int) -> list[slice]:
    """Cut the rows of a batch into parts of `size` (execution.micro_batch; 0 = all at once): gradient accumulation."""
    size = size or batch
    return [slice(i, min(i + size, batch)) for i in range(0, batch, size)]


class Clock:
    """Seconds per phase of one step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[f"seconds/{phase}"] = self.seconds.get(f"seconds/{phase}", 0.0) + time.perf_counter() - start


@torch.no_grad()
def draft_statistics(logits: Tensor, codes: Tensor, refined: Tensor, hidden: Tensor) -> dict[str, float]:
    """Measure entropy [nats per token], agreement of teacher and draft where re-masked, share of the commonest code."""
    commonest = torch.bincount(codes.flatten(), minlength=logits.shape[-1]).max() / codes.numel()
    return {
        "entropy": float(-torch.cat([_negentropy(part) for part in logits.split(_together(logits))]).mean()),
        "agreement": float((codes == refined)[hidden].float().mean()),
        "commonest_code": float(commonest),
    }


def _together(logits: Tensor) -> int:
    """Count the samples of which logits [B, L, K] fit into a processor's cache: of all at once, each pass over them
    would go through memory."""
    return max(1, 2**18 // logits[0].numel())


def _negentropy(logits: Tensor) -> Tensor:
    """Compute sum_k p log p [b, L] of logits [b, L, K]."""
    log_p = logits.log_softmax(-1)
    return log_p.exp().mul_(log_p).sum(-1)


@torch.no_grad()
def drafts_differ(track: Track, codes: Tensor, config: OptimConfig) -> dict[str, float]:
    """Compute {"differ": share of tokens in which two drafts of a prompt show something else}, pair by pair.

    {} where a prompt has no pairs, an odd number of drafts in a step.
    """
    if config.samples_per_condition % 2 or len(codes) % 2:
        return {}
    layouts = getattr(track, "layouts", lambda same: same)(codes)
    return {"differ": float((layouts[::2] != layouts[1::2]).float().mean())}
