"""A machine with a GPU, pretended: tensors that say they are on `maia:0` and refuse to meet tensors of the CPU.

Their values are ordinary CPU tensors, so a training over there must give the numbers of one over here, up to rounding;
what a real GPU would refuse (operands on two devices, a CPU generator for a draw on the GPU) raises.
"""

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

GPU = torch.device("maia:0")
DRAWS = tuple(f"aten::{name}" for name in ("rand", "randn", "randint", "multinomial", "exponential_", "bernoulli_"))
MOVES = ("aten::_to_copy", "aten::copy_", "aten::_local_scalar_dense", "aten::set_")
CPU_INDICES = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")  # CUDA takes them


class Remote(Tensor):
    """`held` is the value; torch itself sees a tensor without data (device meta), Python sees `maia:0`."""

    @staticmethod
    def __new__(cls, held):
        sizes = {"strides": held.stride(), "storage_offset": held.storage_offset()}
        return Tensor._make_wrapper_subclass(cls, held.size(), **sizes, dtype=held.dtype, device="meta")

    def __init__(self, held):
        self.held = held

    @property
    def device(self):
        return GPU

    def tolist(self):
        return self.held.tolist()

    def __repr__(self):
        return f"Remote({self.held})"

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return execute(function, args, kwargs or {})


class Machine(TorchDispatchMode):
    """While it is on, `maia:0` is there."""

    def __enter__(self):
        self.before = torch._C._only_lift_cpu_tensors()
        torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(..., device=there): made here, then moved
        self.inference = torch._C._InferenceMode
        torch._C._InferenceMode = lambda mode: torch.no_grad()  # Python's tensors are not heard in inference mode
        return super().__enter__()

    def __exit__(self, *error):
        torch._C._set_only_lift_cpu_tensors(self.before)
        torch._C._InferenceMode = self.inference
        super().__exit__(*error)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return execute(function, args, kwargs or {})


def execute(function, args, kwargs):
    """Run an operation where its operands are; raises RuntimeError if they are on both sides."""
    name = function._schema.name
    leaves = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, Tensor)]
    remote = any(isinstance(leaf, Remote) for leaf in leaves)
    here = [leaf for leaf in leaves if not isinstance(leaf, Remote) and leaf.dim() > 0]
    target = kwargs.get("device")
    if target is not None:
        target = torch.device(target)
        kwargs = {**kwargs, "device": torch.device("cpu")}
    if remote and here and name not in (*MOVES, *CPU_INDICES):
        raise RuntimeError(f"{name}: expected all tensors to be on the same device, but found maia:0 and cpu")
    if kwargs.get("pin_memory"):
        kwargs = {**kwargs, "pin_memory": False}
    there = remote if target is None else target.type in (GPU.type, "meta")  # `x.to(y)` asks for what torch sees
    if name == "aten::copy_":
        there = isinstance(args[0], Remote)
    generator = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, torch.Generator)]
    if there and generator:
        raise RuntimeError(f"{name}: expected a 'cuda' device type for generator but found 'cpu'")
    if there and name in DRAWS and not generator:
        raise RuntimeError(f"{name}: drawn on the GPU: other numbers than on the CPU")
    unwrapped = tree_map(lambda leaf: leaf.held if isinstance(leaf, Remote) else leaf, (args, kwargs))
    out = function(*unwrapped[0], **unwrapped[1])
    if not there:
        return out
    return tree_map(lambda leaf: _wrapped(leaf, args) if isinstance(leaf, Tensor) else leaf, out)


def _wrapped(value, args):
    """An operation in place gives back its own operand."""
    for arg in args:
        if isinstance(arg, Remote) and arg.held is value:
            return arg
    return Remote(value)
