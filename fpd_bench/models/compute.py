"""How networks compute: in bf16, with activations computed anew instead of kept, compiled. The trainer says so with
`computing`; networks obey where they begin (`network_entry`) and block by block (`run_block`).

Whatever the precision, what a network gives is float32: losses, samples and the drift between networks never see bf16.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only
from torch.utils.checkpoint import checkpoint

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class _Settings:
    precision: str = "fp32"  # fp32 | bf16
    recompute: bool = False
    compiled: bool = False


_now = _Settings()  # a plain object: torch.compile guards on it, which it cannot on a ContextVar


@contextmanager
def computing(precision: str = "fp32", recompute: bool = False, compiled: bool = False) -> Iterator[None]:
    """Choose how networks compute while the block runs. precision: fp32 | bf16 (autocast: weights and sums stay
    float32).

    recompute: keep only what goes into each block, and compute its inside once more for the gradient. The backward
    pass belongs inside the block, too.
    """
    before = vars(_now).copy()
    vars(_now).update(precision=precision, recompute=recompute, compiled=compiled)
    try:
        yield
    finally:
        vars(_now).update(before)


def network_entry(call: Callable[P, T]) -> Callable[P, T]:
    """Decorate the entry of a network, a method whose first argument is a tensor: it computes as `computing` says."""

    @functools.wraps(call)
    def entry(*args: P.args, **kwargs: P.kwargs) -> T:
        run = _compiled(call) if _now.compiled else call
        if _now.precision == "fp32":
            return run(*args, **kwargs)
        device = next(part.device.type for part in args if isinstance(part, Tensor))
        with torch.autocast(device, torch.bfloat16):
            found = run(*args, **kwargs)
        floats: T = tree_map_only(Tensor, Tensor.float, found)
        return floats

    return entry


def run_block(block: Callable[..., Any], *inputs: Tensor) -> Any:
    """Call block(*inputs), one of the equal parts of a network; what it keeps for the gradient is up to `computing`."""
    if _now.recompute and torch.is_grad_enabled():
        return checkpoint(block, *inputs, use_reentrant=False)
    return block(*inputs)


def is_recomputing() -> bool:
    """Say whether activations are computed anew, for networks of other packages that have a switch of their own."""
    return _now.recompute


@functools.cache
def _compiled(call: Callable[P, T]) -> Callable[P, T]:
    return torch.compile(call)
