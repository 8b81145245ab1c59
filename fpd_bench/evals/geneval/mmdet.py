"""GenEval's own detector: Mask2Former in mmdet 2.x, where that is installed (docs/generators.md has a recipe)."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.geneval.detectors import DetectorSettings, Image, Seen
from fpd_bench.evals.geneval.prompt_grammar import CLASSES
from fpd_bench.evals.geneval.results_file import input_sha256
from fpd_bench.evals.geneval.scoring import Detection


class MmdetBackend:
    """The reference backend. config, weights: mask2former_swin-s-p4-w7-224_lsj_8x2_50e_coco .py and .pth."""

    knows_colours: ClassVar[bool] = False

    def __init__(self, config: str, weights: str, *, device: str = "cpu"):
        try:
            apis = importlib.import_module("mmdet.apis")
            version = importlib.import_module("mmdet").__version__
        except ImportError as error:
            raise AssetError(
                f"Detector 'mmdet' needs mmdet 2.x with mmcv-full 1.x ({error}). They do not install beside current "
                "PyTorch: use --detector mask2former-hf here, or score in an environment of its own "
                "(docs/generators.md); --detector precomputed --weights FILE takes detections from there."
            ) from error
        if not version.startswith("2."):
            raise ConfigError(f"Detector 'mmdet' needs mmdet 2.x, whose weights GenEval uses; found {version}.")
        for path in (config, weights):
            if not Path(path).exists():
                raise AssetError(f"Detector 'mmdet' cannot find {path}. Download it from download.openmmlab.com.")
        self._infer = apis.inference_detector
        self._model = apis.init_detector(config, weights, device=device)
        self.identity = {"backend": "mmdet", "mmdet": version, "weights_sha256": input_sha256(Path(weights))}

    @classmethod
    def from_settings(cls, settings: DetectorSettings) -> Self:
        """Make it as `Backend.from_settings`."""
        if not (settings.weights and settings.config):
            raise ConfigError("The detector 'mmdet' needs two files. Add --config FILE.py --weights FILE.pth.")
        return cls(settings.config, settings.weights, device=settings.device)

    def see(self, images: Sequence[Image], keys: Sequence[str]) -> list[Seen]:
        """Detect as `Backend.see`. mmdet takes BGR."""
        return [from_mmdet(self._infer(self._model, image[..., ::-1].copy())) for image in images]


def from_mmdet(result: Any) -> Seen:
    """Turn mmdet 2.x's (boxes per class [n, 5], masks per class), or boxes alone, into Seen; classes by index."""
    boxes, masks = result if isinstance(result, tuple) else (result, None)
    if len(boxes) != len(CLASSES):
        raise ConfigError(f"The mmdet model answers for {len(boxes)} classes; GenEval needs COCO's {len(CLASSES)}.")
    detections: dict[str, list[Detection]] = {}
    for i, name in enumerate(CLASSES):
        own = [None] * len(boxes[i]) if masks is None else [np.asarray(m, dtype=bool) for m in masks[i]]
        detections[name] = [(np.asarray(b, dtype=np.float32), m) for b, m in zip(boxes[i], own, strict=True)]
    return Seen(detections)
