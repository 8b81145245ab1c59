"""Which weights a network really holds."""

import hashlib

from torch import nn


def weights_sha256(network: nn.Module) -> str:
    """Hash the names, types, shapes and bytes of all tensors: the same for any file that holds them (sha256)."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        value = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {list(value.shape)}\n".encode())
        digest.update(value.flatten().numpy().tobytes())
    return digest.hexdigest()
