"""Mask2Former through transformers, read out from its raw logits the way GenEval's mmdet detector is.

transformers' own post-processing differs (384 x 384 masks, one label per pixel, no boxes). Here, as in mmdet's
MaskFormerFusionHead: all query x class pairs compete, the best 100 stay; masks go bilinearly to the padded input,
are cropped, then go to the image's size; score = class probability x mean sigmoid inside the mask; boxes are
[xmin, ymin, xmax + 1, ymax + 1]. The default weights are FAIR's training run, not OpenMMLab's which GenEval used:
the same recipe with other confidences, so counting (threshold .9) may differ.
"""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from torch import Tensor
from transformers import Mask2FormerForUniversalSegmentation

from fpd_bench.assets.hub import quiet
from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.geneval.detectors import DetectorSettings, Image, Seen
from fpd_bench.evals.geneval.prompt_grammar import CLASSES
from fpd_bench.evals.geneval.scoring import Detection
from fpd_bench.evals.geneval.weights import weights_sha256

DEFAULT_WEIGHTS = "facebook/mask2former-swin-small-coco-instance"
SHORT, LONG, DIVISOR, MAX_PAIRS = 800, 1333, 32, 100  # mmdet's test pipeline
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # RGB, 0-255


class Mask2FormerBackend:
    """COCO instances; classes are matched by index because the names differ (mouse, computer mouse).

    weights: a model name or folder; floor: detections that cannot score more are not made (the rest is exact).
    """

    knows_colours: ClassVar[bool] = False

    def __init__(
        self,
        weights: str = DEFAULT_WEIGHTS,
        *,
        device: str = "cpu",
        floor: float = 0.05,
        short: int = SHORT,
        long: int = LONG,
    ):
        self._network = _load(weights)
        self._network.to(torch.device(device)).eval()  # type: ignore[arg-type]  # transformers wraps the method
        self._device, self._floor, self._sides = device, floor, (short, long)
        self.identity = {
            "backend": "mask2former-hf",
            "weights_sha256": weights_sha256(self._network),
            "transformers": transformers.__version__,
            "input": f"{long}x{short}",
        }

    @classmethod
    def from_settings(cls, settings: DetectorSettings) -> Self:
        """Make it as `Backend.from_settings`."""
        return cls(settings.weights or DEFAULT_WEIGHTS, device=settings.device, floor=settings.floor)

    def see(self, images: Sequence[Image], keys: Sequence[str]) -> list[Seen]:
        """Detect as `Backend.see`. Images of one size go through the network together."""
        seen: list[Seen | None] = [None] * len(images)
        for shape in sorted({image.shape for image in images}):
            members = [i for i, image in enumerate(images) if image.shape == shape]
            for i, one in zip(members, self._batch([images[i] for i in members]), strict=True):
                seen[i] = one
        return [one for one in seen if one is not None]

    @torch.inference_mode()
    def _batch(self, images: list[Image]) -> list[Seen]:
        pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).to(self._device)
        inputs, inner = prepare(pixels, *self._sides)
        output = self._network(pixel_values=inputs)
        padded, original = tuple(inputs.shape[-2:]), tuple(pixels.shape[-2:])
        return [
            instances(classes.float(), masks.float(), padded, inner, original, self._floor)
            for classes, masks in zip(output.class_queries_logits, output.masks_queries_logits, strict=True)
        ]


def prepare(images: Tensor, short: int, long: int) -> tuple[Tensor, tuple[int, int]]:
    """Turn uint8 [B, 3, H, W] into normalised, padded float [B, 3, H', W'] and the picture's size (h, w) inside it."""
    height, width = images.shape[-2:]
    scale = min(long / max(height, width), short / min(height, width))
    inner = (int(height * scale + 0.5), int(width * scale + 0.5))
    resized = F.interpolate(images.float(), size=inner, mode="bilinear", align_corners=False).round()
    mean, std = (images.new_tensor(v, dtype=torch.float32)[:, None, None] for v in (MEAN, STD))
    down, right = (-side % DIVISOR for side in inner)
    return F.pad((resized - mean) / std, (0, right, 0, down)), inner


def instances(
    class_logits: Tensor,
    mask_logits: Tensor,
    padded: tuple[int, ...],
    inner: tuple[int, int],
    original: tuple[int, ...],
    floor: float = 0.0,
) -> Seen:
    """Find one image's detections in class_logits [Q, C + 1] (last = nothing) and mask_logits [Q, h, w].

    padded, inner, original: (height, width) of the network's input, of the picture inside it, of the image.
    """
    probability = class_logits.softmax(dim=-1)[:, :-1]
    n_classes = probability.shape[1]
    best, pairs = probability.flatten().topk(min(MAX_PAIRS, probability.numel()))
    pairs, best = pairs[best > floor], best[best > floor]  # a score never exceeds its class probability
    queries = torch.div(pairs, n_classes, rounding_mode="floor")
    used, position = queries.unique(return_inverse=True)
    shown, quality = _measured(_resize(mask_logits[used], padded)[:, : inner[0], : inner[1]], original)
    detections: dict[str, list[Detection]] = {name: [] for name in CLASSES}
    boxes = [_box(mask) for mask in shown]  # of a query once, whatever the number of its classes
    scores = (best * quality[position]).tolist()
    for p, label, score in zip(position.tolist(), (pairs % n_classes).tolist(), scores, strict=True):
        detections[CLASSES[label]].append((np.array([*boxes[p], score], dtype=np.float32), shown[p]))
    return Seen(detections)


def _measured(masks: Tensor, size: tuple[int, ...]) -> tuple[np.ndarray, Tensor]:
    """Bring mask logits [n, h, w] to [n, *size]; give where each is above 0, and its mean sigmoid there [n].

    One after the other, so that a mask stays in the processor's cache on its way.
    """
    inside, quality = masks.new_zeros((len(masks), *size), dtype=torch.bool), masks.new_zeros(len(masks))
    for n, mask in enumerate(masks):
        whole = _resize(mask[None], size)[0]
        torch.gt(whole, 0, out=inside[n])
        quality[n] = whole.sigmoid_().mul_(inside[n]).sum() / (inside[n].sum() + 1e-6)
    return inside.cpu().numpy(), quality


def _resize(masks: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resize [n, h, w] to [n, *size], bilinearly."""
    if not len(masks):
        return masks.new_zeros((0, *size))
    return F.interpolate(masks[None], size=size, mode="bilinear", align_corners=False)[0]


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def require_weights(folder: Path) -> None:
    """Hold names and shapes of the weights in `folder` against the network, without their numbers: by transformers
    itself, which renames tensors of older files. Needs accelerate. Raises AssetError, ConfigError.
    """
    _load(str(folder), device_map="meta")


def _load(weights: str, **how: Any) -> Mask2FormerForUniversalSegmentation:
    """Load the network; how: see from_pretrained. Raises AssetError for weights that cannot be read or lack some, which
    would be random, ConfigError for other classes than GenEval's.
    """
    try:
        with quiet(), quiet("transformers"):
            both: Any = Mask2FormerForUniversalSegmentation.from_pretrained(weights, output_loading_info=True, **how)
    except Exception as error:  # transformers, safetensors and pickle raise many kinds over damaged files
        said = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, pickle.UnpicklingError):  # torch's own words advise to run the file's code
            said = "a file of weights is damaged, or would run code."
        raise AssetError(
            f"Cannot load Mask2Former weights '{weights}': {said} On a machine without internet access pass "
            f"--weights FOLDER, with {DEFAULT_WEIGHTS} downloaded elsewhere."
        ) from error
    network, loading_info = both
    lacking = sorted({*loading_info["missing_keys"], *(key for key, *_ in loading_info["mismatched_keys"])})
    if lacking:
        raise AssetError(f"Mask2Former weights '{weights}' lack {len(lacking)} tensors, such as {lacking[0]}.")
    if network.config.num_labels != len(CLASSES):
        raise ConfigError(
            f"Mask2Former '{weights}' knows {network.config.num_labels} classes; GenEval needs COCO's {len(CLASSES)}."
        )
    return network
