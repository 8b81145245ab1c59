"""The networks of a preset as files: float16 on disk, float32 in use, frozen."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from fpd_bench.errors import AssetError
from fpd_bench.models.conv_vq import ConvVq, VqShape
from fpd_bench.models.transformer import MaskedTransformer, Shape
from fpd_bench.tracks import manifest
from fpd_bench.tracks.digits import files
from fpd_bench.tracks.digits.classifier import DigitClassifier


def load_part(part: str, preset: str, folder: Path = files.FOLDER) -> tuple[Any, str]:
    """Load (frozen network, sha256 of its file). Raises AssetError naming file and hash."""
    content, entry, found = files.read_verified(part, preset, folder)
    try:
        network = _network(part, entry["shape"])
        network.load_state_dict({key: value.float() for key, value in load(content).items()})
    except (SafetensorError, KeyError, RuntimeError, TypeError) as error:
        file = files.path_of(part, preset, folder)
        raise AssetError(f"{file} does not hold a {part} of preset '{preset}' (sha256 {found}): {error}") from None
    return network.eval().requires_grad_(False), found


def store_part(part: str, preset: str, network: nn.Module, folder: Path = files.FOLDER) -> Path:
    """Write a network's file and its manifest entry; return the file."""
    fresh = _network(part, _shape(network))  # whose names are those that are read: a training's own buffers stay out
    weights = {key: value for key, value in network.state_dict().items() if key in fresh.state_dict()}
    halves = {key: value.detach().to(torch.float16).contiguous() for key, value in weights.items()}
    return manifest.write_with_entry(files.path_of(part, preset, folder), save(halves), _shape(network))


def _shape(network: nn.Module) -> dict[str, Any]:
    return asdict(network.shape) if isinstance(network, ConvVq | MaskedTransformer) else {}


def _network(part: str, shape: dict[str, Any]) -> nn.Module:
    if part == "tokenizer":
        return ConvVq(VqShape(**{**shape, "widths": tuple(shape["widths"])}))
    return MaskedTransformer(Shape(**shape)) if part == "teacher" else DigitClassifier()
