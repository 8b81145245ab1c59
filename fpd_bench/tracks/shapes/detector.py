"""Find and name the objects of shapes images: deterministic, no weights, NumPy and SciPy only.

Steps: foreground by OKLab distance to the background, objects by connected colour (components.py), soft coverage
of each (coverages.py), shape by template matching (templates.py). Images go through them in batches. How it stands
blur, noise and JPEG is measured in tests/tracks/shapes/test_detector.py.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from fpd_bench.errors import ConfigError
from fpd_bench.tracks.shapes import components, oklab
from fpd_bench.tracks.shapes.coverages import Objects, coverages, medians
from fpd_bench.tracks.shapes.drawing import rgb, unit_area
from fpd_bench.tracks.shapes.squares import core
from fpd_bench.tracks.shapes.templates import Templates

Mask = NDArray[np.bool_]
AT_ONCE = 64 * 32**2  # pixels that go through a step together: what a processor's cache holds
FEW = 6  # pixels without the rim, below which the rim counts, too


# One object. box: [x1, y1, x2, y2] in px, right and bottom exclusive; mask: its pixels [H, W].
Found = TypedDict("Found", {"class": str, "box": list[float], "score": float, "color": str, "mask": Mask})


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
        self._unit_areas = np.array([unit_area(shape)[0] for shape in shapes])
        distances = ((oklab.bin_colours()[:, None] - self._lab) ** 2).sum(axis=-1)
        self._nearest = distances.argmin(axis=1)
        self._threshold = 0.36 * distances.min(axis=1)
        self._templates = cache(lambda size: Templates(self.shapes, size))

    def detect(self, image: NDArray[np.uint8]) -> list[Found]:
        """Find all objects of image [S, S, 3] uint8, largest first. Raises ConfigError for another shape or dtype."""
        if image.ndim != 3 or image.shape[0] != image.shape[1] or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ConfigError(f"The shapes detector takes uint8 [S, S, 3]; got {image.dtype} {list(image.shape)}.")
        return self._detect(image[None])[0]

    def detect_all(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Found]]:
        """Do what `detect` does for each of several images, which is faster."""
        if len({image.shape for image in images}) != 1 or any(image.dtype != np.uint8 for image in images):
            return [self.detect(image) for image in images]  # which refuses, or takes several sizes
        if images[0].ndim != 3 or images[0].shape[0] != images[0].shape[1] or images[0].shape[2] != 3:
            return [self.detect(images[0])]
        step = max(1, AT_ONCE // images[0][..., 0].size)
        found: list[list[Found]] = []
        for begin in range(0, len(images), step):
            found += self._detect(np.stack(images[begin : begin + step]))
        return found

    def _detect(self, images: NDArray[np.uint8]) -> list[list[Found]]:
        scale = images.shape[1] / 32
        bins = oklab.bin_of(images)
        owner = components.find_objects(self._labels(bins), len(self.colours), scale)
        objects = _objects(owner, components.smallest_area(scale))
        colour = self._colour(objects, bins)
        border = _border(images.shape[1])
        background = np.median(images[:, border], axis=1)
        alpha = coverages(objects, images, owner, background, self._rgb[colour], scale)
        found: list[list[Found]] = [[] for _ in images]
        for index, thing in self._named(objects, colour, alpha, components.smallest_area(scale)):
            found[index].append(thing)
        return found

    def _labels(self, bins: NDArray[np.int64]) -> NDArray[np.int64]:
        """Find the nearest colour of every pixel [n, S, S], -1 on the background."""
        planes, border = oklab.bin_planes(), _border(bins.shape[1])
        away: Any = 0.0
        for plane in planes:
            value = plane[bins]
            away = away + (value - np.median(value[:, border], axis=1)[:, None, None]) ** 2
        return np.where((away > 0.085**2) & (away > self._threshold[bins]), self._nearest[bins], -1)

    def _colour(self, objects: Objects, bins: NDArray[np.int64]) -> NDArray[np.int64]:
        """Find the palette colour nearest to the median of each object without its rim: [N]."""
        inner = core(objects.masks)
        inside = np.where((inner.sum((1, 2)) >= FEW)[:, None, None], inner, objects.masks)
        lab = medians(inside, bins[objects.image])
        return ((self._lab - lab[:, None]) ** 2).sum(axis=-1).argmin(axis=1)

    def _named(
        self, objects: Objects, colour: NDArray[np.int64], alpha: NDArray[np.float64], smallest: float
    ) -> list[tuple[int, Found]]:
        """List (image, object) of those of which enough is there, and of a size that the world knows."""
        total = alpha.reshape(len(alpha), alpha[0].size if len(alpha) else 0).sum(axis=-1)
        solid = alpha > 0.5
        enough = np.flatnonzero((total >= 0.5 * smallest) & solid.any((1, 2)))
        shape, score = self._shapes(alpha[enough], total[enough])
        radius = np.sqrt(total[enough] / self._unit_areas[shape])
        low, high = self.radii or (0.0, np.inf)
        found: list[tuple[int, Found]] = []
        for place in np.flatnonzero((low <= radius) & (radius <= high)):
            one = enough[place]
            rows, columns = np.flatnonzero(solid[one].any(axis=1)), np.flatnonzero(solid[one].any(axis=0))
            box = [float(v) for v in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)]
            names = self.shapes[shape[place]], self.colours[colour[one]]
            thing: Found = {
                "class": names[0],
                "box": box,
                "score": float(score[place]),
                "color": names[1],
                "mask": objects.masks[one],
            }
            found.append((int(objects.image[one]), thing))
        return found

    def _shapes(
        self, alpha: NDArray[np.float64], total: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Match the templates: (best shape [N], score in [0, 1] [N]): high where one template fits well and clearly
        better than the next.
        """
        size = alpha.shape[-1]
        templates = self._templates(size)
        half, ramp = templates.side // 2, np.arange(size, dtype=np.float64)
        centre = np.stack([np.vecdot(alpha.sum(axis=1), ramp), np.vecdot(alpha.sum(axis=2), ramp)], 1) / total[:, None]
        pixel = np.round(centre)
        dx, dy = (np.round((centre - pixel) * 4) / 4).T
        window = np.arange(templates.side)
        x, y = pixel.astype(int).T[..., None] + window
        padded = np.pad(alpha, ((0, 0), (half, half), (half, half)))
        patches = padded[np.arange(len(alpha))[:, None, None], y[:, :, None], x[:, None]]
        matches = templates.match(patches, dx, dy)
        order = np.argsort(-matches, axis=1, kind="stable")
        best = np.take_along_axis(matches, order[:, :1], 1)[:, 0]
        second = np.take_along_axis(matches, order[:, 1:2], 1)[:, 0] if len(self.shapes) > 1 else 0.0
        score = np.clip((best - 0.45) / 0.30, 0, 1) * np.clip(0.4 + 0.6 * (best - second) / 0.03, 0, 1)
        return order[:, 0], score


@cache
def _border(size: int) -> Mask:
    border = np.zeros((size, size), dtype=bool)
    border[[0, -1]] = border[:, [0, -1]] = True
    return border


def _objects(owner: NDArray[np.int64], smallest: float) -> Objects:
    """List the objects that are large enough, image after image, best first."""
    most = int(owner.max(initial=0)) + 1
    keyed = owner + (np.arange(len(owner)) * most)[:, None, None]
    areas = np.bincount(keyed.reshape(-1), minlength=len(owner) * most).reshape(len(owner), most)
    image, number = np.nonzero(areas[:, 1:] >= smallest)
    return Objects(image, owner[image] == number[:, None, None] + 1)
