"""GenEval scoring in batches of 16 against one image at a time, as the original does; the same tiny detector.

    python benchmarks/geneval_batches.py [--images 32] [--repeats 5]

A Mask2Former of random weights, small enough that a batch may pay, and pictures of noise and rectangles at 512 px. The
whole scorer: detector, boxes, masks and judgement, CPU time, one thread. Judgements must be equal word for word; boxes
and scores may differ in what a matrix product of another size rounds. Goal: 4 times the images a second.

The original's detector makes a mask of the image's size for each of the 100 best pairs of query and class, several of
one query or not, and measures each of them (mmdet's MaskFormerFusionHead). Here a query is measured once. Both are
compared with ours at 16, and ours one at a time as well, which says what the batch alone is worth.
"""

import argparse
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from side_by_side import Row, measure, report

from fpd_bench.evals.geneval.detectors import Seen, known_colours
from fpd_bench.evals.geneval.mask2former import MAX_PAIRS, Mask2FormerBackend, prepare
from fpd_bench.evals.geneval.prompt_grammar import CLASSES
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
    plain = PlainDetector(detector)
    many, single, original = score(detector, images, TOGETHER), score(detector, images, 1), score(plain, images, 1)
    assert judgements(many) == judgements(single) == judgements(original), "a judgement depends on how it was made"
    said = f"judgements equal, scores within {max(furthest(many, single), furthest(many, original)):.0e}"
    sides = {
        "all 16": lambda: score(detector, images, TOGETHER),
        "all 1": lambda: score(detector, images, 1),
        "original": lambda: score(plain, images, 1),
        "net 16": lambda: through(detector, images, TOGETHER),
        "net 1": lambda: through(detector, images, 1),
    }
    times = measure(sides, repeats)
    rows = []
    for what, against, batch, one, goal in (
        ("GenEval scoring", "an image at a time, as the original", "all 16", "original", ">= 4"),
        ("GenEval scoring", "ours, an image at a time", "all 16", "all 1", ""),
        ("its network alone", "an image at a time", "net 16", "net 1", ""),
    ):
        rows.append(Row(
            f"{what}, {TOGETHER} at a time at {short} px, {said}", against,
            *(f"{len(images) / times[side]:.1f} images/s" for side in (batch, one)),
            times.ratio(one, batch), repeats, times.spread(one, batch), goal,
        ))  # fmt: skip
    report(*rows)


class PlainDetector:
    """The same network, read out the way that the original's detector is: a mask for each of the best pairs."""

    def __init__(self, detector: Mask2FormerBackend):
        self._network, self._sides = detector._network, detector._sides

    @torch.inference_mode()
    def see(self, images: list[np.ndarray], keys: list[str]) -> list[Seen]:
        """Detect in one image."""
        pixels = torch.from_numpy(images[0])[None].permute(0, 3, 1, 2)
        inputs, (height, width) = prepare(pixels, *self._sides)
        output = self._network(pixel_values=inputs)
        masks = resize(output.masks_queries_logits, inputs.shape[-2:])
        masks = resize(masks[..., :height, :width], pixels.shape[-2:])[0]
        probability = output.class_queries_logits[0].softmax(dim=-1)[:, :-1]
        best, pairs = probability.flatten().topk(min(MAX_PAIRS, probability.numel()))
        chosen = masks[pairs // probability.shape[1]]
        inside = (chosen > 0).float()
        area = inside.flatten(1).sum(1)
        best = best * (chosen.sigmoid() * inside).flatten(1).sum(1) / (area + 1e-6)
        boxes, shown = boxes_of(inside.bool()), inside.bool().cpu().numpy()
        found: dict[str, list] = {name: [] for name in CLASSES}
        for box, mask, score_, label in zip(boxes, shown, best.tolist(), (pairs % len(CLASSES)).tolist(), strict=True):
            found[CLASSES[label]].append((np.array([*box, score_], dtype=np.float32), mask))
        return [Seen(found)]


def resize(masks: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
    """Resize [B, Q, h, w] to [B, Q, *size]."""
    return F.interpolate(masks, size=size, mode="bilinear", align_corners=False)


def boxes_of(masks: torch.Tensor) -> list[list[float]]:
    """Give [left, top, right, bottom] of each mask [n, H, W], the last two exclusive; zeros for an empty one."""
    boxes = []
    for mask in masks:
        rows, columns = torch.where(mask.any(dim=1))[0], torch.where(mask.any(dim=0))[0]
        boxes.append([int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1] if len(rows) else [0] * 4)
    return boxes


Scored = list[tuple[tuple, list[float]]]


def judgements(scored: Scored) -> list[tuple]:
    """Give what is said of each image."""
    return [said for said, _ in scored]


def furthest(one: Scored, other: Scored) -> float:
    """Give the largest difference between two ways' numbers."""
    pairs = [zip(x, y, strict=True) for (_, x), (_, y) in zip(one, other, strict=True)]
    return max((abs(a - b) for pair in pairs for a, b in pair), default=0)


def score(detector: Mask2FormerBackend | PlainDetector, images: list[np.ndarray], together: int) -> Scored:
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
