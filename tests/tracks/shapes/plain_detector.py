"""The shapes detector as plainly as it can be said, an image and an object at a time: what the batched one must equal.

Also the peer that benchmarks/shapes_scoring.py holds it to.
"""

import numpy as np
from scipy import ndimage

from fpd_bench.tracks.shapes import oklab
from fpd_bench.tracks.shapes.drawing import rgb, unit_area
from fpd_bench.tracks.shapes.templates import PENALTIES, Templates

AROUND = np.ones((3, 3), dtype=bool)


class PlainDetector:
    def __init__(self, shapes, colours, radii=None):
        self.shapes, self.colours, self.radii = list(shapes), list(colours), radii
        self.rgb = np.array([rgb(colour) for colour in colours], dtype=np.float64)
        self.lab = oklab.oklab(self.rgb)
        distances = ((oklab.bin_colours()[:, None] - self.lab) ** 2).sum(axis=-1)
        self.nearest, self.distance = distances.argmin(axis=1), distances.min(axis=1)
        self.templates = {}

    def detect(self, image):
        scale = len(image) / 32
        bins = oklab.bin_of(image)
        lab = oklab.bin_colours()[bins]
        border = np.zeros(bins.shape, dtype=bool)
        border[[0, -1]] = border[:, [0, -1]] = True
        away = ((lab - np.median(lab[border], axis=0)) ** 2).sum(axis=-1)
        foreground = (away > 0.085**2) & (away > 0.36 * self.distance[bins])
        owner = find_objects(np.where(foreground, self.nearest[bins], -1), len(self.colours), scale)
        background = np.median(image[border], axis=0)
        found = []
        for index in range(1, int(owner.max()) + 1):
            mask = owner == index
            if mask.sum() >= 12 * scale**2:
                thing = self.name(mask, image.astype(np.float64), lab, background, owner, scale)
                found += [thing] if thing else []
        return found

    def name(self, mask, pixels, lab, background, owner, scale):
        core = ndimage.binary_erosion(mask)
        inside = lab[core if core.sum() >= 6 else mask]
        colour = int(((self.lab - np.median(inside, axis=0)) ** 2).sum(axis=1).argmin())
        grown = ndimage.binary_dilation(mask, AROUND, iterations=max(1, round(1.5 * scale)))
        zone = grown & ((owner == 0) | mask)
        direction = self.rgb[colour] - background
        length = direction @ direction
        if length == 0:
            return None
        alpha = np.clip((pixels - background) @ direction / length, 0, 1.1) * zone
        alpha = np.where(alpha < 0.06, 0.0, alpha)
        if alpha.sum() < 6 * scale**2 or not (alpha > 0.5).any():
            return None
        shape, score = self.shape(alpha)
        if self.radii and not self.radii[0] <= np.sqrt(alpha.sum() / unit_area(shape)[0]) <= self.radii[1]:
            return None
        rows, columns = np.flatnonzero((alpha > 0.5).any(axis=1)), np.flatnonzero((alpha > 0.5).any(axis=0))
        box = [float(v) for v in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)]
        return {"class": shape, "box": box, "score": score, "color": self.colours[colour], "mask": mask}

    def shape(self, alpha):
        templates = self.templates.setdefault(len(alpha), Templates(self.shapes, len(alpha)))
        half, total, ramp = templates.side // 2, alpha.sum(), np.arange(len(alpha))
        centre = np.array([(alpha.sum(axis=0) @ ramp) / total, (alpha.sum(axis=1) @ ramp) / total])
        pixel = np.round(centre)
        dx, dy = np.round((centre - pixel) * 4) / 4
        x, y = pixel.astype(int)
        patch = np.pad(alpha, half)[y : y + templates.side, x : x + templates.side]
        matches = match(templates, patch, float(dx), float(dy))
        order = np.argsort(-matches, kind="stable")
        best, second = matches[order[0]], matches[order[1]] if len(order) > 1 else 0.0
        score = np.clip((best - 0.45) / 0.30, 0, 1) * np.clip(0.4 + 0.6 * (best - second) / 0.03, 0, 1)
        return self.shapes[order[0]], float(score)


def match(templates, patch, dx, dy):
    total = patch.sum()
    areas = np.array([unit_area(shape)[0] for shape in templates.shapes])
    radii = np.minimum(np.round(np.sqrt(total / areas) * 4) / 4, templates.side / 2)
    entries = [templates._entry(shape, float(r), dx, dy) for shape, r in zip(templates.shapes, radii, strict=True)]
    drawn, sums = (np.stack(part) for part in zip(*entries, strict=True))
    common = np.minimum(drawn, patch.reshape(-1).astype(np.float32)).sum(axis=-1, dtype=np.float64)
    return (common / (total + sums - common) - PENALTIES).max(axis=1)


def find_objects(labels, n_colours, scale):
    owner, count = np.zeros(labels.shape, dtype=np.int64), 0
    for mask, _, deep in sorted(pieces_of(labels, n_colours, scale), key=lambda piece: (not piece[2], -piece[1])):
        if not deep and count:
            near = ndimage.binary_dilation(owner > 0, AROUND, iterations=max(1, round(scale)))
            if near[mask].mean() > 0.45:
                continue
        count += 1
        owner[mask] = count
    loose = (labels >= 0) & (owner == 0)
    if count and loose.any():
        distance, (row, column) = ndimage.distance_transform_edt(owner == 0, return_indices=True)
        close = loose & (distance <= 1.5 * scale + 0.5)
        owner[close] = owner[row[close], column[close]]
    return owner


def pieces_of(labels, n_colours, scale):
    least = 0.4 * 12 * scale**2
    for colour in range(n_colours):
        numbered, n = ndimage.label(labels == colour, AROUND)
        depth = ndimage.distance_transform_cdt(np.pad(labels == colour, 1), "chessboard")[1:-1, 1:-1]
        for i in range(1, n + 1):
            part = numbered == i
            if part.sum() >= max(least, 1):
                yield part, int(part.sum()), bool(depth[part].max() > scale)
