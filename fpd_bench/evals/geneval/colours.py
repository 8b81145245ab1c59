"""Crops for the colour classifier: one object, cut out of its image the way GenEval shows it to CLIP."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fpd_bench.evals.geneval.scoring import Box

GREY = "#999"  # GenEval's canvas behind a masked object


def object_crop(
    image: Image.Image,
    box: Sequence[float] | Box,
    mask: NDArray[np.bool_] | None = None,
    *,
    background: str = GREY,
    crop: bool = True,
) -> Image.Image:
    """Cut the object to its box, in RGB on a plain canvas.

    mask: bool [H, W]; None keeps the whole picture. background: any Pillow colour, or "original" to keep what is
    there. Box coordinates are rounded half to even, and parts outside the image are black, both as Pillow does.
    """
    rgb = image.convert("RGB")
    if mask is not None and background != "original":
        canvas = Image.new("RGB", rgb.size, background)
        canvas.paste(rgb, mask=Image.fromarray(np.asarray(mask, dtype=np.uint8) * 255))
        rgb = canvas
    left, top, right, bottom = (float(v) for v in box[:4])
    return rgb.crop((left, top, right, bottom)) if crop else rgb
