"""How large networks are."""

from torch import nn


def count_numbers(*modules: nn.Module) -> int:
    """Count the numbers that the modules hold, buffers included, shared ones once."""
    tensors = {id(t): t for module in modules for t in [*module.parameters(), *module.buffers()]}
    return sum(t.numel() for t in tensors.values())
