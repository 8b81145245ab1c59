"""The reference backend: its conversion everywhere, itself where mmdet is installed."""

import importlib.util

import numpy as np
import pytest

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.geneval.detectors import backend
from fpd_bench.evals.geneval.mmdet import from_mmdet
from fpd_bench.evals.geneval.prompt_grammar import CLASSES


def test_classes_are_matched_by_index():
    boxes = [np.zeros((0, 5), dtype=np.float32) for _ in CLASSES]
    masks = [[] for _ in CLASSES]
    boxes[64] = np.array([[1, 2, 3, 4, 0.5]], dtype=np.float32)  # COCO's mouse
    masks[64] = [np.ones((4, 4), dtype=np.uint8)]
    ((box, mask),) = from_mmdet((boxes, masks)).detections["computer mouse"]
    assert box.tolist() == [1, 2, 3, 4, 0.5] and mask.dtype == bool and mask.all()
    assert from_mmdet(boxes).detections["computer mouse"][0][1] is None
    with pytest.raises(ConfigError, match="79 classes"):
        from_mmdet(boxes[:79])


def test_without_mmdet_the_way_out_is_named():
    if importlib.util.find_spec("mmdet") is None:
        with pytest.raises(AssetError, match="--detector mask2former-hf.*--detector precomputed"):
            backend("mmdet", config="x.py", weights="x.pth")
    else:
        with pytest.raises((AssetError, ConfigError), match=r"x\.py|2\.x"):
            backend("mmdet", config="x.py", weights="x.pth")
