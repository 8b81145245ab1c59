"""Generated digits against real ones that nobody was trained on, and real ones against real ones beside them.

A number of a thousand images has a floor: two sets of real images differ, too. `real_fid` and its kin are the same
numbers for real images of the part that is not the reference, as many as were generated, as far as they go.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fpd_bench.bench import Measure
from fpd_bench.evals.fidelity.features import default_cache
from fpd_bench.evals.fidelity.image_streams import Images, InMemory, open_images
from fpd_bench.evals.fidelity.measure import Fidelity, measure
from fpd_bench.evals.fidelity.reference import Reference
from fpd_bench.tracks.digits.data import DEFAULT, batch_of, digits
from fpd_bench.tracks.digits.extractor import DIGITS

PARTS = {"test": ("heldout", "validation"), "validation": ("validation", "heldout")}  # split: reference, real images
ORDER_SEED = 0
Progress = Callable[[int, int], None]


def measure_against(split: str, classifier: Path, preset: str = DEFAULT) -> Measure:
    """Return the measure of the suite of 'test' or 'validation'; classifier: the file of the extractor's weights."""

    def measured(samples: Path, device: str, progress: Progress) -> list[dict[str, Any]]:
        images = open_images(samples)
        generated = compare(images, split, classifier, device, progress, preset)
        others = real_images(split, len(images), preset)
        real = compare(others, split, classifier, device, lambda done, total: None, preset)
        return generated.rows() + [{**row, "metric": f"real_{row['metric']}"} for row in real.rows()]

    return measured


def compare(
    images: Images, split: str, classifier: Path, device: str, progress: Progress, preset: str = DEFAULT
) -> Fidelity:
    """Compare any images with the real ones of a split."""
    part, _ = PARTS[split]
    real = InMemory(pixels_of(part, preset))
    reference = Reference(f"{len(real)} {part} {'digits' if preset == DEFAULT else preset}", real.digest, None, real)
    return measure(images, reference, DIGITS, classifier, device, default_cache(), progress)


def real_images(split: str, n: int, preset: str = DEFAULT) -> Images:
    """Return at most n real images that stand for generated ones, of the part that is not the reference."""
    _, part = PARTS[split]
    pixels = pixels_of(part, preset)
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(ORDER_SEED))
    return InMemory(pixels[order[:n].numpy()])


def pixels_of(part: str, preset: str = DEFAULT) -> NDArray[np.uint8]:
    """Return the part's images as uint8 [n, 32, 32, 3]."""
    return (
        (batch_of(digits(part, preset).images) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    )
