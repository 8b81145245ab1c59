"""Fidelity as a part of a run's evaluation: against ADM's published reference, or a track's own real images."""

import hashlib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fpd_bench.bench import Measure
from fpd_bench.errors import ConfigError
from fpd_bench.evals.fidelity.features import default_cache
from fpd_bench.evals.fidelity.image_streams import colours_first, open_images
from fpd_bench.evals.fidelity.measure import measure
from fpd_bench.evals.fidelity.presets import FidelityPreset, preset
from fpd_bench.evals.fidelity.reference import Reference, open_reference

REAL, REAL_SEED = 2000, 0  # images drawn of a track


class Drawn:
    """Real images of a track, always the same ones, as a stream."""

    def __init__(self, draw: Callable[[int, torch.Generator], Tensor]):
        self._draw, self._n = draw, REAL

    def __len__(self) -> int:
        return self._n

    @cached_property
    def digest(self) -> str:
        combined = hashlib.sha256()
        for batch in self.batches(64):
            combined.update(colours_first(batch))
        return combined.hexdigest()

    def batches(self, size: int) -> Iterator[NDArray[np.uint8]]:
        """Yield uint8 [b, H, W, 3]."""
        generator = torch.Generator().manual_seed(REAL_SEED)
        for first in range(0, self._n, 64):  # drawn in equal parts whatever the caller's size, so always the same
            part = self._draw(min(64, self._n - first), generator).cpu()
            levels = (part.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
            yield from (piece.numpy() for piece in levels.split(size))


def against_file(path: Path, chosen: FidelityPreset, weights: Path | None = None) -> Measure:
    """Measure against a published reference. weights: of the preset's network, else looked for when it measures."""

    def measured(samples: Path, device: str, progress: Callable[[int, int], None]) -> list[dict[str, Any]]:
        return _rows(samples, open_reference(path), chosen, device, progress, weights)

    return measured


def against_real_images(name: str, track: Any) -> Measure:
    """Measure against REAL real images of the track, by the preset of this name. Raises UnknownName, ConfigError."""
    chosen = preset(name)
    if not hasattr(track, "real_images"):
        raise ConfigError(
            f"evaluation.fidelity={name} compares with real images, and track '{track.name}' has none. Leave it out."
        )

    def measured(samples: Path, device: str, progress: Callable[[int, int], None]) -> list[dict[str, Any]]:
        real = Drawn(track.real_images)
        reference = Reference(f"{len(real)} real images of {track.name}/{track.preset}", real.digest, None, real)
        return _rows(samples, reference, chosen, device, progress)

    return measured


def _rows(
    samples: Path,
    reference: Reference,
    chosen: FidelityPreset,
    device: str,
    progress: Callable[[int, int], None],
    weights: Path | None = None,
) -> list[dict[str, Any]]:
    images, cache = open_images(samples), default_cache()
    return measure(images, reference, chosen, weights, device, cache, progress).rows()
