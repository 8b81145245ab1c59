"""The track's shipped files: per preset a safetensors of codebook and teacher, named in a sha256 manifest.

assets/manifest.json: {file: {"sha256", "shape" (sizes of the transformer)}}; assets/<preset>.safetensors: `codebook`
[K, 3 p p] and the teacher's weights under `teacher.`, stored as float16 and used as float32.
"""

from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from fpd_bench.errors import AssetError
from fpd_bench.models.transformer import MaskedTransformer, Shape
from fpd_bench.tracks import manifest
from fpd_bench.tracks.shapes import files
from fpd_bench.tracks.shapes.world import WorldPreset

FOLDER = files.FOLDER


def load_preset(name: str, world: WorldPreset, folder: Path = FOLDER) -> tuple[Tensor, nn.Module, dict[str, str]]:
    """Load (codebook [K, 3 p p], frozen teacher, {file: sha256}). Raises AssetError naming file and hash."""
    content, entry, found = files.read_verified(name, folder)
    file = folder / f"{name}.safetensors"
    try:
        tensors = {key: value.float() for key, value in load(content).items()}
        codebook = tensors.pop("codebook")
        teacher = MaskedTransformer(Shape(**entry["shape"]))
        teacher.load_state_dict({key.removeprefix("teacher."): value for key, value in tensors.items()})
    except (SafetensorError, KeyError, RuntimeError, TypeError) as error:
        raise AssetError(
            f"{file} does not hold a codebook and a teacher of preset '{name}' (sha256 {found}): {error}"
        ) from None
    if len(codebook) != world.codes:
        raise AssetError(f"{file} has {len(codebook)} codes; preset '{name}' has {world.codes}.")
    return codebook, teacher.eval().requires_grad_(False), {f"shapes/{file.name}": found}


def store_preset(name: str, codebook: Tensor, teacher: MaskedTransformer, folder: Path = FOLDER) -> Path:
    """Write a preset's file and its manifest entry; return the file."""
    weights = {f"teacher.{key}": value for key, value in teacher.state_dict().items()}
    halves = {key: value.detach().to(torch.float16).contiguous() for key, value in weights.items()}
    content = save({"codebook": codebook.contiguous(), **halves})
    return manifest.write_with_entry(folder / f"{name}.safetensors", content, asdict(teacher.shape))
