"""What a network's call costs, measured by a call on the meta device: FLOPs, bytes kept for the gradient, bytes alive.

A FLOP is one addition or multiplication. torch.utils.flop_counter counts matrix products, convolutions and attention;
element-wise work is not counted, which takes time but next to no arithmetic.
"""

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from fpd_bench.distill.work import Cost

PROBE = 2  # images a network is run on; one would let kernels drop the batch axis


@dataclass(frozen=True)
class Share:
    """A network's part in an image: how often it is called, the FLOPs of all calls, in what it computes."""

    calls: int
    flops: float
    precision: str


def measure_training_call(run: Callable[[], Iterable[Tensor]]) -> Cost:
    """Measure what a call costs. run: one forward pass over PROBE images on the meta device, whose outputs' sum is
    then differentiated.
    """
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter):
            storage = tensor.untyped_storage()
            kept[storage._cdata] = storage.nbytes()
        return tensor

    forward, alive = measure_inference_call(run)
    with fused_attention(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        outputs = list(run())
        bytes_kept = sum(kept.values())
        with FlopCounterMode(display=False) as counter:
            torch.stack([output.sum() for output in outputs]).sum().backward()
    return Cost(forward, counter.get_total_flops() / PROBE, bytes_kept / PROBE, alive)


@torch.no_grad()
def measure_inference_call(run: Callable[[], Iterable[Tensor]]) -> tuple[float, float]:
    """Measure (FLOPs, bytes alive) of an image, without a gradient."""
    with fused_attention(), FlopCounterMode(display=False) as counter, Alive() as alive:
        list(run())
    return counter.get_total_flops() / PROBE, alive.most / PROBE


class Alive(TorchDispatchMode):
    """Bytes of the tensors made in the block that are alive at the same time, at most.

    A network that looks into a mask (`mask.all()`) is answered yes: prompts fill their length.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now, self.most = 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.is_nonzero.default:
            return True
        found = func(*args, **(kwargs or {}))
        known = {storage._cdata for storage in _storages((args, kwargs))}  # a view's, and what is written in place
        for storage in _storages(found):
            if storage._cdata not in known:
                known.add(storage._cdata)
                self.now += storage.nbytes()
                self.most = max(self.most, self.now)
                weakref.finalize(storage, self._forget, storage.nbytes())
        return found

    def _forget(self, size: int) -> None:
        self.now -= size


def _storages(tree: Any) -> list[Any]:
    return [leaf.untyped_storage() for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


@contextmanager
def fused_attention() -> Iterator[None]:
    """Compute attention in the block as a GPU's kernels do it, which keep nothing of size L x L; the meta device
    would take the long way.
    """
    plain = F.scaled_dot_product_attention

    def fused(
        query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, *rest: object, **more: object
    ) -> Tensor:
        if attn_mask is not None or query.dim() != 4:
            return plain(query, key, value, attn_mask)
        return torch.ops.aten._scaled_dot_product_efficient_attention(query, key, value, None, True)[0]

    F.scaled_dot_product_attention = fused
    try:
        yield
    finally:
        F.scaled_dot_product_attention = plain
