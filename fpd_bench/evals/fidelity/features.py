"""Features of all images of a stream, kept on disk by content: equal images under equal networks are seen once."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch_fidelity
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.fidelity.image_streams import Images
from fpd_bench.evals.fidelity.presets import FidelityPreset

BATCH = 64
SEAL = "sha256"  # of the tensors, in the file's metadata
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Features:
    """vectors [N, D] and logits [N, C] of N images of `size` = (H, W) px; digest: of the images."""

    vectors: Tensor
    logits: Tensor
    size: tuple[int, int]
    digest: str


def default_cache() -> Path:
    """Give the folder $XDG_CACHE_HOME/fpd-bench/fidelity."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fpd-bench" / "fidelity"


def extract(
    images: Images,
    preset: FidelityPreset,
    network: Callable[[], nn.Module],
    weights_sha256: str,
    device: str,
    cache: Path | None,
    progress: Progress,
) -> Features:
    """Compute features of every image, in order. network: opens the extractor, only asked if the cache has no answer.

    cache: folder; None = do not keep. Nothing but tensors is read from it, and only as they were written.
    Raises AssetError for features that are no numbers.
    """
    digest = images.digest
    key = [digest, preset.extractor, preset.features, preset.logits, weights_sha256, torch_fidelity.__version__]
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24]
    path = cache / f"{name}.safetensors" if cache else None
    kept = _kept(path)
    if kept:
        return Features(kept["vectors"], kept["logits"], _pair(kept["size"]), digest)
    vectors, logits, size = _through(images, network(), device, progress)
    _refuse_no_numbers(vectors, logits, preset)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        found = {"vectors": vectors, "logits": logits, "size": torch.tensor(size)}
        save_file(found, temporary, metadata={SEAL: _seal(found)})
        os.replace(temporary, path)
    return Features(vectors, logits, size, digest)


@torch.inference_mode()
def _through(
    images: Images, network: nn.Module, device: str, progress: Progress
) -> tuple[Tensor, Tensor, tuple[int, int]]:
    vectors: list[Tensor] = []
    logits: list[Tensor] = []
    seen, size = 0, (0, 0)
    for batch in images.batches(BATCH):
        if batch.dtype != np.uint8:  # extractors of others may take floats, and give other numbers for them
            raise ConfigError(f"Images must be uint8; got {batch.dtype}.")
        both = network(torch.from_numpy(batch).permute(0, 3, 1, 2).contiguous().to(device))
        vectors.append(both[0].float().cpu())
        logits.append(both[1].float().cpu())
        seen, size = seen + len(batch), (batch.shape[1], batch.shape[2])
        progress(seen, len(images))
    return torch.cat(vectors), torch.cat(logits), size


def _refuse_no_numbers(vectors: Tensor, logits: Tensor, preset: FidelityPreset) -> None:
    fine = vectors.isfinite().all(dim=1) & logits.isfinite().all(dim=1)
    if not fine.all():
        wrong = (~fine).nonzero().flatten().tolist()
        raise AssetError(
            f"Network '{preset.extractor}' gives NaN or infinite features for {len(wrong)} of {len(fine)} "
            f"images, the first of them image {wrong[0] + 1}. Its weights are damaged, or belong to another "
            "network: fetch them again."
        )


def _kept(path: Path | None) -> dict[str, Tensor] | None:
    """Read what an earlier call kept; None if there is none, or if the file is damaged: then it is made again."""
    if path is None or not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
            if (file.metadata() or {}).get(SEAL) == _seal(found):
                return found
    except (SafetensorError, OSError):
        pass
    path.unlink(missing_ok=True)
    return None


def _seal(tensors: dict[str, Tensor]) -> str:
    combined = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        combined.update(f"{name} {list(tensor.shape)} {tensor.dtype}\n".encode())
        combined.update(tensor.contiguous().numpy().data)
    return combined.hexdigest()


def _pair(size: Tensor) -> tuple[int, int]:
    return int(size[0]), int(size[1])
