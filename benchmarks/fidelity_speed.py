"""FID, IS, KID, precision and recall of 10,000 images against torch-fidelity called directly, on the same extractor.

    python benchmarks/fidelity_speed.py [--images 10000] [--repeats 3]

The digits track's classifier as extractor, noise of 32 x 32 px as images, as many as reference, `also` of the preset
left out, since torch-fidelity has no such numbers. Both are computed, from pixels to numbers, in turn; CPU time, one
thread. Then once more with the reference's features in the cache, as every run of a sweep but the first has them.
"""

import argparse
import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch_fidelity
from side_by_side import Row, measure, report
from torch.utils.data import Dataset

from fpd_bench.evals.fidelity.image_streams import InMemory
from fpd_bench.evals.fidelity.measure import measure as measure_images
from fpd_bench.evals.fidelity.reference import Reference
from fpd_bench.models.devices import settle_process
from fpd_bench.tracks.digits import files
from fpd_bench.tracks.digits.extractor import DIGITS

PRESET = dataclasses.replace(DIGITS, also=())


class Pixels(Dataset):
    """Images [n, H, W, 3] as torch-fidelity wants them."""

    def __init__(self, images: np.ndarray):
        self.images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> torch.Tensor:
        return self.images[i]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    settle_process(1)
    draw, n = np.random.default_rng(0), asked.images
    one, other = (draw.integers(0, high, (n, 32, 32, 3), dtype=np.uint8) for high in (256, 224))
    weights = files.path_of("classifier", "default", files.FOLDER)
    with tempfile.TemporaryDirectory(prefix="fpd-fidelity-") as folder:
        ours(one, other, weights, Path(folder))
        kept = {path: path.read_bytes() for path in Path(folder).iterdir()}

        def cached() -> dict[str, float]:
            """Measure with the reference's features in the cache, and none of the images'."""
            for path in Path(folder).iterdir():
                path.unlink()
            for path, content in kept.items():
                path.write_bytes(content)
            return ours(draw.integers(0, 256, one.shape, dtype=np.uint8), other, weights, Path(folder))

        sides = {
            "ours": lambda: ours(one, other, weights, None),
            "direct": lambda: direct(one, other, weights),
            "cached": cached,
        }
        found = compare_numbers(sides["ours"](), sides["direct"]())
        times = measure(sides, asked.repeats, warm=0)
    rows = []
    for side, what, goal in (
        ("ours", "FID, IS, KID, precision, recall", "<= 1.05"), ("cached", "the same, reference cached", "<= 0.6"),
    ):  # fmt: skip
        rows.append(Row(f"{what} of {n:,} images ({found})", "torch-fidelity called directly", f"{times[side]:.1f} s",
                        f"{times['direct']:.1f} s", times.ratio(side, "direct"), asked.repeats,
                        times.spread(side, "direct"), goal))  # fmt: skip
    report(*rows)


def ours(images: np.ndarray, reference: np.ndarray, weights: Path, cache: Path | None) -> dict[str, float]:
    real = InMemory(reference)
    return measure_images(
        InMemory(images), Reference("noise", real.digest, None, real), PRESET, weights, "cpu", cache
    ).values


def direct(images: np.ndarray, reference: np.ndarray, weights: Path) -> dict[str, float]:
    """Call torch-fidelity as its manual says, with our preset's choices."""
    found = torch_fidelity.calculate_metrics(
        input1=Pixels(images), input2=Pixels(reference), cuda=False, isc=True, fid=True, kid=True, prc=True,
        feature_extractor=PRESET.extractor, feature_extractor_weights_path=str(weights), batch_size=64,
        feature_layer_isc=PRESET.logits, feature_layer_fid=PRESET.features, feature_layer_kid=PRESET.features,
        feature_layer_prc=PRESET.features, kid_subset_size=PRESET.kid_subset, prc_neighborhood=PRESET.neighbours,
        save_cpu_ram=True, cache=False, verbose=False,
    )  # fmt: skip
    names = {"fid": "frechet_inception_distance", "is": "inception_score_mean", "precision": "precision",
             "recall": "recall", "kid": "kernel_inception_distance_mean"}  # fmt: skip
    return {name: found[theirs] for name, theirs in names.items()}


def compare_numbers(mine: dict[str, float], theirs: dict[str, float]) -> str:
    """Say how far the numbers are apart; stop if it is more than rounding."""
    furthest = max(abs(mine[name] - value) / max(abs(value), 1e-6) for name, value in theirs.items())
    if furthest > 1e-3:
        raise SystemExit(f"The two do not compute the same: {mine} and {theirs}.")
    return f"numbers within {furthest:.0e}"


if __name__ == "__main__":
    main()
