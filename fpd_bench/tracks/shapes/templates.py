"""Soft templates of every shape, and how well a coverage patch matches them.

A template is placed by its centroid and sized by its area, because blur changes neither: templates matched by
bounding box name 67-76% of blurred shapes, these 99% (measured at a blur of 1 px).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fpd_bench.tracks.shapes.drawing import coverage, unit_area

BLURS = (0.0, 0.5, 0.9)  # Gaussian sigma in px of a 32 px image
PENALTIES = (0.0, 0.02, 0.05)  # taken off the IoU of each blur level
MAX_ENTRIES = 60_000  # about 200 MB of templates at 32 px
MAX_STACKS = 4_000  # of all shapes together, about 80 MB for six shapes at 32 px

Numbers = float | NDArray[np.float64]
Entry = tuple[NDArray[np.float32], NDArray[np.float64]]  # templates [3, P * P] and their sums [3]


def patch_side(size: int) -> int:
    """Return P, the odd side of the patch in which an object of a size x size image is compared."""
    half = size // 2
    return half + 1 if half % 2 == 0 else half


class Templates:
    """The templates of some shapes for images of one size, made when first needed."""

    def __init__(self, shapes: list[str], size: int):
        self.shapes = shapes
        self.side = patch_side(size)
        self._scale = size / 32
        self._areas = np.array([unit_area(shape)[0] for shape in shapes])
        self._cache: dict[tuple[str, float, float, float], Entry] = {}
        self._stacks: dict[bytes, Entry] = {}

    def match(self, patches: NDArray[np.float64], dx: Numbers, dy: Numbers) -> NDArray[np.float64]:
        """Compute the soft IoU of coverage patches [..., P, P] with each shape, best over the blurs: [..., shapes].

        dx, dy [...]: where a patch's centroid lies from the middle of its middle pixel, in multiples of 1/4 px.
        """
        patches = np.asarray(patches)
        flat = patches.reshape(-1, self.side**2)
        total = flat.sum(axis=-1)
        radii = np.minimum(np.round(np.sqrt(total[:, None] / self._areas) * 4) / 4, self.side / 2)
        places = np.stack([np.broadcast_to(dx, patches.shape[:-2]), np.broadcast_to(dy, patches.shape[:-2])], -1)
        keys, group = np.unique(np.concatenate([radii, places.reshape(-1, 2)], 1), axis=0, return_inverse=True)
        found = np.empty((len(flat), len(self.shapes)))
        thin = flat.astype(np.float32)
        for number, key in enumerate(keys):  # patches that are compared with the same templates
            mine = np.flatnonzero(group == number)
            templates, sums = self._stack(key)
            common = [np.minimum(templates, thin[i]).sum(axis=-1, dtype=np.float64) for i in mine]
            shared = np.stack(common)
            found[mine] = (shared / (total[mine, None, None] + sums - shared) - PENALTIES).max(axis=-1)
        return found.reshape(*patches.shape[:-2], len(self.shapes))

    def _stack(self, key: NDArray[np.float64]) -> Entry:
        """Return the templates of all shapes [shapes, 3, P * P] and their sums [shapes, 3]; key: radii, dx, dy."""
        name = key.tobytes()
        if name not in self._stacks:
            *radii, dx, dy = key.tolist()
            entries = [self._entry(shape, radius, dx, dy) for shape, radius in zip(self.shapes, radii, strict=True)]
            stack = np.stack([t for t, _ in entries]), np.stack([s for _, s in entries])
            if len(self._stacks) >= MAX_STACKS:
                return stack
            self._stacks[name] = stack
        return self._stacks[name]

    def _entry(self, shape: str, radius: float, dx: float, dy: float) -> Entry:
        key = (shape, radius, dx, dy)
        if key not in self._cache:
            entry = self._make(shape, radius, dx, dy)
            if len(self._cache) >= MAX_ENTRIES:
                return entry
            self._cache[key] = entry
        return self._cache[key]

    def _make(self, shape: str, radius: float, dx: float, dy: float) -> Entry:
        _, x, y = unit_area(shape)
        middle = self.side // 2 + 0.5
        radius = max(radius, 0.25)
        sharp = coverage(shape, radius, middle + dx - x * radius, middle + dy - y * radius, self.side)
        levels = np.stack([ndimage.gaussian_filter(sharp, blur * self._scale) for blur in BLURS])
        return levels.reshape(len(BLURS), -1).astype(np.float32), levels.sum(axis=(1, 2))
