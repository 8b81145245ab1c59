"""One batch on several processes ("ranks"): what a method must know of the others. With one process all are no-ops.

Every rank has the same weights and the same random streams. Noise is drawn for the whole batch, and each rank takes
its own rows of it, so the numbers do not depend on how many ranks there are. The processes are started and joined in
team.py; what is sent goes through torch's default process group.

Letters: N ranks, B samples of the whole batch, b = B / N samples of one rank: rows [rank * b, (rank + 1) * b).
"""

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

T = TypeVar("T")


class Rows(Protocol):
    """A batch that can be cut: a tensor, a Condition, an Augmentation."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> Any: ...


def ranks() -> int:
    """Return N, the number of ranks."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return which rank this process is; only rank 0 writes files."""
    return dist.get_rank() if ranks() > 1 else 0


def rows(total: int) -> slice:
    """Return this rank's rows of a batch of `whole` samples, a multiple of N."""
    size = total // ranks()
    return slice(rank() * size, (rank() + 1) * size)


def own_rows(drawn: Rows) -> Any:
    """Return this rank's rows of what was drawn for the whole batch."""
    return drawn if ranks() == 1 else drawn[rows(len(drawn))]


def gather(part: Tensor) -> Tensor:
    """Gather the parts: [b, ...] of every rank, in their order -> [B, ...], the same on all.

    Differentiable: the gradient of a rank's rows is the sum of what all ranks ask of them.
    """
    if ranks() == 1:
        return part
    gathered: Tensor = _Gather.apply(part)
    return gathered


def _gather_all(part: Tensor) -> Tensor:
    received = [torch.empty_like(part, memory_format=torch.contiguous_format) for _ in range(ranks())]
    dist.all_gather(received, part.contiguous())
    return torch.cat(received)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        return _gather_all(part)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        summed = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(summed)
        return summed[rows(len(summed))]


@torch.no_grad()
def sum_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Add up the gradients of all ranks, in one message."""
    if ranks() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    message = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(message)
    for gradient, summed in zip(gradients, message.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(summed.view_as(gradient))


@torch.no_grad()
def average(tensors: Iterable[Tensor]) -> None:
    """Put the mean over the ranks into each tensor."""
    for tensor in tensors if ranks() > 1 else ():
        dist.all_reduce(tensor)
        tensor /= ranks()


def mean(row: dict[str, float]) -> dict[str, float]:
    """Average over the ranks every number that is logged; all ranks have the same names."""
    if ranks() == 1:
        return row
    numbers = torch.tensor([row[name] for name in sorted(row)], dtype=torch.float64)
    dist.all_reduce(numbers)
    means = dict(zip(sorted(row), (numbers / ranks()).tolist(), strict=True))
    return {name: means[name] for name in row}


def total(count: int) -> int:
    """Sum a count over the ranks."""
    if ranks() == 1:
        return count
    number = torch.tensor(count)
    dist.all_reduce(number)
    return int(number)


def holds_everywhere(holds: bool) -> bool:
    """Say whether a condition holds on every rank: where one rank cannot go on, all must end together."""
    return ranks() == 1 or total(int(holds)) == ranks()


def from_rank_0(value: T) -> T:
    """Give rank 0's value to all ranks: a decision, an order, or a state of nested dicts and lists with CPU tensors.

    Tensors travel one by one, so that a checkpoint of many gigabytes is never in memory twice.
    """
    if ranks() == 1:
        return value
    leaves, shape = tree_flatten(value)
    box: list[Any] = [[leaf.to("meta") if isinstance(leaf, Tensor) else leaf for leaf in leaves], shape]
    dist.broadcast_object_list(box, src=0)
    sent, shape = box
    for i, leaf in enumerate(sent):
        if isinstance(leaf, Tensor):
            own = leaves[i].contiguous() if rank() == 0 else torch.empty(leaf.shape, dtype=leaf.dtype)
            dist.broadcast(own, src=0)
            sent[i] = own
    return tree_unflatten(sent, shape)
