"""GenEval scoring in batches of 16 against one image at a time, as the original does; the same tiny detector.

    python benchmarks/geneval_batches.py [--images 32] [--repeats 5]

A Mask2Former of random weights, small enough that a batch may pay, and pictures of noise and rectangles at 512 px. The
whole scorer: detector, boxes, masks and judgement, CPU time, one thread. Judgements must be equal word for word; boxes
and scores may differ in what a matrix product of another size rounds. Goal: 4 times the images a second.
"""

import argparse
import tempfile

import numpy as np
import torch
from side_by_side import Row, measure, report

from fpd_bench.evals.geneval.detectors import known_colours
from fpd_bench.evals.geneval.mask2former import Mask2FormerBackend
from fpd_bench.evals.geneval.scoring import Options, evaluate_image
from fpd_bench.models.devices import settle_process

SIDE, TOGETHER = 512, 16
ASKED = {"tag": "single_object", "include": [{"class": "bench", "count": 1}], "prompt": "a photo of a bench"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    settle_process(1)
    with tempfile.TemporaryDirectory(prefix="fpd-geneval-") as folder:
        for short in (64, 256):
            detector = tiny_detector(folder, short)
            compare(detector, short, pictures(asked.images), asked.repeats)


def compare(detector: Mask2FormerBackend, short: int, images: list[np.ndarray], repeats: int) -> None:
    """Report a detector that sees images at `short` px."""
    many, single = score(detector, images, TOGETHER), score(detector, images, 1)
    assert [row[0] for row in many] == [row[0] for row in single], "a judgement depends on the batch"
    pairs = [zip(x, y, strict=True) for (_, x), (_, y) in zip(many, single, strict=True)]
    furthest = max((abs(a - b) for pair in pairs for a, b in pair), default=0)
    sides = {f"all {n}": (lambda n=n: score(detector, images, n)) for n in (TOGETHER, 1)}
    network = {f"net {n}": (lambda n=n: through(detector, images, n)) for n in (TOGETHER, 1)}
    times = measure(sides | network, repeats)
    rows = []
    for what, batch, one, goal in (
        ("GenEval scoring", f"all {TOGETHER}", "all 1", ">= 4"), ("its network alone", f"net {TOGETHER}", "net 1", ""),
    ):  # fmt: skip
        rows.append(Row(
            f"{what}, {TOGETHER} at a time at {short} px, judgements equal, scores within {furthest:.0e}",
            "an image at a time", *(f"{len(images) / times[side]:.1f} images/s" for side in (batch, one)),
            times.ratio(one, batch), repeats, times.spread(one, batch), goal,
        ))  # fmt: skip
    report(*rows)


def score(detector: Mask2FormerBackend, images: list[np.ndarray], together: int) -> list[tuple[tuple, list[float]]]:
    """Judge each image: (what is said of it, numbers of its detections)."""
    found = []
    for first in range(0, len(images), together):
        part = images[first : first + together]
        for seen in detector.see(part, [str(i) for i in range(len(part))]):
            judged = evaluate_image(seen.detections, ASKED, known_colours({}), Options(threshold=0.0))
            boxes = [float(v) for kept in seen.detections.values() for box, _ in kept for v in box]
            found.append(((judged.correct, judged.reason, len(boxes)), boxes))
    return found


@torch.inference_mode()
def through(detector: Mask2FormerBackend, images: list[np.ndarray], together: int) -> None:
    """Run the network alone."""
    from fpd_bench.evals.geneval.mask2former import prepare

    for first in range(0, len(images), together):
        pixels = torch.from_numpy(np.stack(images[first : first + together])).permute(0, 3, 1, 2)
        detector._network(pixel_values=prepare(pixels, *detector._sides)[0])


def pictures(n: int) -> list[np.ndarray]:
    """Draw n pictures [SIDE, SIDE, 3] of rectangles on noise."""
    draw = np.random.default_rng(0)
    made = draw.integers(0, 256, (n, SIDE, SIDE, 3), dtype=np.uint8)
    for image in made:
        for _ in range(4):
            top, left, *size = draw.integers(0, SIDE // 2, 4)
            image[top : top + size[0], left : left + size[1]] = draw.integers(0, 256, 3)
    return [*made]


def tiny_detector(folder: str, short: int) -> Mask2FormerBackend:
    """Make a Mask2Former of random weights."""
    from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, SwinConfig

    torch.manual_seed(0)
    stages = ["stage1", "stage2", "stage3", "stage4"]
    swin = SwinConfig(
        embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4, image_size=32, out_features=stages
    )
    config = Mask2FormerConfig(
        backbone_config=swin, num_labels=80, hidden_dim=32, feature_size=32, mask_feature_size=32, num_queries=7,
        encoder_layers=1, decoder_layers=2, num_attention_heads=2, dim_feedforward=16, encoder_feedforward_dim=16,
    )  # fmt: skip
    Mask2FormerForUniversalSegmentation(config).save_pretrained(folder)
    return Mask2FormerBackend(folder, floor=0.0, short=short, long=2 * short)


if __name__ == "__main__":
    main()
