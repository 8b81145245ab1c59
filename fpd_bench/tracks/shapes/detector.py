"""Find and name the objects of a shapes image: deterministic, no weights, NumPy and SciPy only.

Steps: foreground by OKLab distance to the background, objects by connected colour (components.py), soft coverage
of each, shape by template matching (templates.py). How it stands blur, noise and JPEG is measured in
tests/tracks/shapes/test_detector.py.
"""

from dataclasses import dataclass
from functools import cache
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fpd_bench.errors import ConfigError
from fpd_bench.tracks.shapes import components, oklab
from fpd_bench.tracks.shapes.drawing import rgb, unit_area
from fpd_bench.tracks.shapes.templates import Templates

Mask = NDArray[np.bool_]


# One object. box: [x1, y1, x2, y2] in px, right and bottom exclusive; mask: its pixels [H, W].
Found = TypedDict("Found", {"class": str, "box": list[float], "score": float, "color": str, "mask": Mask})


@dataclass(frozen=True)
class _ImageData:
    """One image: its pixels, their OKLab, the background's RGB, and who owns which pixel."""

    pixels: NDArray[np.float64]
    lab: NDArray[np.float64]
    background: NDArray[np.float64]
    owner: NDArray[np.int64]
    scale: float


class Detector:
    """Detects the given shapes in the given colours only (a preset's words); square uint8 images of any size.

    radii: (least, most) px an object may measure, by its area; None accepts any size. Without it a lone quarter of
    a square is a small square, and pasted-together fragments are full of objects; a world of known sizes says so.
    """

    def __init__(self, shapes: list[str], colours: list[str], radii: tuple[float, float] | None = None):
        for shape in shapes:
            unit_area(shape)
        if not shapes or not colours:
            raise ConfigError("A shapes detector needs at least one shape and one colour.")
        self.shapes, self.colours, self.radii = list(shapes), list(colours), radii
        self._rgb = np.array([rgb(colour) for colour in colours], dtype=np.float64)
        self._lab = oklab.oklab(self._rgb)
        distances = ((oklab.bin_colours()[:, None] - self._lab) ** 2).sum(axis=-1)
        self._nearest, self._distance = distances.argmin(axis=1), distances.min(axis=1)
        self._templates = cache(lambda size: Templates(self.shapes, size))

    def detect(self, image: NDArray[np.uint8]) -> list[Found]:
        """Find all objects of image [S, S, 3] uint8, largest first. Raises ConfigError for another shape or dtype."""
        if image.ndim != 3 or image.shape[0] != image.shape[1] or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ConfigError(f"The shapes detector takes uint8 [S, S, 3]; got {image.dtype} {list(image.shape)}.")
        image_data = self._prepare(image)
        found = []
        for index in range(1, int(image_data.owner.max()) + 1):
            mask = image_data.owner == index
            if mask.sum() >= components.smallest_area(image_data.scale):
                thing = self._name(mask, image_data)
                found += [thing] if thing else []
        return found

    def _prepare(self, image: NDArray[np.uint8]) -> _ImageData:
        bins = oklab.bin_of(image)
        lab = oklab.bin_colours()[bins]
        border = np.zeros(bins.shape, dtype=bool)
        border[[0, -1]] = border[:, [0, -1]] = True
        away = ((lab - np.median(lab[border], axis=0)) ** 2).sum(axis=-1)
        foreground = (away > 0.085**2) & (away > 0.36 * self._distance[bins])
        scale = len(image) / 32
        owner = components.find_objects(np.where(foreground, self._nearest[bins], -1), len(self.colours), scale)
        return _ImageData(image.astype(np.float64), lab, np.median(image[border], axis=0), owner, scale)

    def _name(self, mask: Mask, image_data: _ImageData) -> Found | None:
        """Return colour, shape, score and box of one object; None if too little of it is there."""
        colour = self._colour(mask, image_data)
        alpha = self._coverage(mask, colour, image_data)
        if alpha.sum() < 0.5 * components.smallest_area(image_data.scale) or not (alpha > 0.5).any():
            return None
        rows, columns = np.flatnonzero((alpha > 0.5).any(axis=1)), np.flatnonzero((alpha > 0.5).any(axis=0))
        shape, score = self._shape(alpha)
        if self.radii and not self.radii[0] <= np.sqrt(alpha.sum() / unit_area(shape)[0]) <= self.radii[1]:
            return None
        box = [float(v) for v in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)]
        return {"class": shape, "box": box, "score": score, "color": self.colours[colour], "mask": mask}

    def _colour(self, mask: Mask, image_data: _ImageData) -> int:
        """Find the palette colour nearest to the median of the object without its rim."""
        core = ndimage.binary_erosion(mask)
        inside = image_data.lab[core if core.sum() >= 6 else mask]
        return int(((self._lab - np.median(inside, axis=0)) ** 2).sum(axis=1).argmin())

    def _coverage(self, mask: Mask, colour: int, image_data: _ImageData) -> NDArray[np.float64]:
        """Estimate how much of each pixel the object covers, [H, W] in [0, 1.1]: the mix of its colour and the
        background.
        """
        grown = ndimage.binary_dilation(mask, components.AROUND, iterations=max(1, round(1.5 * image_data.scale)))
        zone = grown & ((image_data.owner == 0) | mask)
        direction = self._rgb[colour] - image_data.background
        length = direction @ direction
        if length == 0:
            return zone * 0.0
        alpha = np.clip((image_data.pixels - image_data.background) @ direction / length, 0, 1.1) * zone
        return np.where(alpha < 0.06, 0.0, alpha)

    def _shape(self, alpha: NDArray[np.float64]) -> tuple[str, float]:
        """Match the templates: (best shape, score in [0, 1]): high where one template fits well and clearly better
        than the next.
        """
        templates = self._templates(len(alpha))
        half = templates.side // 2
        total = alpha.sum()
        ramp = np.arange(len(alpha))
        centre = np.array([(alpha.sum(axis=0) @ ramp) / total, (alpha.sum(axis=1) @ ramp) / total])
        pixel = np.round(centre)
        dx, dy = np.round((centre - pixel) * 4) / 4
        x, y = pixel.astype(int)
        patch = np.pad(alpha, half)[y : y + templates.side, x : x + templates.side]
        matches = templates.match(patch, float(dx), float(dy))
        order = np.argsort(-matches, kind="stable")
        best = matches[order[0]]
        second = matches[order[1]] if len(order) > 1 else 0.0
        score = np.clip((best - 0.45) / 0.30, 0, 1) * np.clip(0.4 + 0.6 * (best - second) / 0.03, 0, 1)
        return self.shapes[order[0]], float(score)
