"""Draw the shapes world: twelve shapes, ten colours, anti-aliased on a grey background.

A shape is a membership test in local coordinates x = (X - cx) / r, y = (Y - cy) / r, y pointing down, where r is
its radius in pixels. Image coordinates are continuous: pixel i covers [i, i + 1], so its centre is i + 1/2.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpd_bench.errors import ConfigError, UnknownName

Array = NDArray[Any]
Inside = Callable[[Array, Array], Array]

SUPERSAMPLE = 4  # coverage is the mean over SUPERSAMPLE^2 cell centres of every pixel

PALETTE: dict[str, tuple[int, int, int]] = {
    "red": (214, 32, 38),
    "orange": (248, 140, 12),
    "yellow": (250, 226, 40),
    "green": (30, 150, 62),
    "blue": (38, 84, 216),
    "purple": (122, 40, 160),
    "pink": (252, 150, 200),
    "brown": (112, 66, 26),
    "black": (12, 12, 14),
    "white": (250, 250, 250),
}


def _star(x: Array, y: Array) -> Array:
    """Test for a star: five points, one up; folded into half a point, where its outline is one straight edge."""
    full, half, outer, inner = np.deg2rad(72.0), np.deg2rad(36.0), 1.08, 0.46
    angle = np.mod(np.arctan2(x, -y), full)
    angle = np.minimum(angle, full - angle)
    along, across = np.hypot(x, y) * np.cos(angle), np.hypot(x, y) * np.sin(angle)
    edge_x, edge_y = inner * np.cos(half) - outer, inner * np.sin(half)
    return edge_x * across - edge_y * (along - outer) >= 0


def _heart(x: Array, y: Array) -> Array:
    u, v = 1.15 * x, 0.12 - 1.12 * y
    return (u * u + v * v - 0.62) ** 3 - 1.6 * u * u * v**3 <= 0


SHAPES: dict[str, Inside] = {
    "circle": lambda x, y: x * x + y * y <= 1,
    "square": lambda x, y: np.maximum(abs(x), abs(y)) <= 0.9,
    "triangle": lambda x, y: (y <= 0.88) & (abs(x) <= (y + 0.98) / 1.86),
    "diamond": lambda x, y: abs(x) + abs(y) <= 1.05,
    "cross": lambda x, y: (np.minimum(abs(x), abs(y)) <= 0.34) & (np.maximum(abs(x), abs(y)) <= 1),
    "ring": lambda x, y: (x * x + y * y <= 1) & (x * x + y * y >= 0.25),
    "bar": lambda x, y: (abs(x) <= 1) & (abs(y) <= 0.42),
    "pillar": lambda x, y: (abs(x) <= 0.42) & (abs(y) <= 1),
    "star": _star,
    "heart": _heart,
    "moon": lambda x, y: (x * x + y * y <= 1) & ((x - 0.5) ** 2 + y * y >= 0.72),
    "hourglass": lambda x, y: (abs(y) <= 0.92) & (abs(x) <= 0.18 + 0.75 * abs(y)),
}


def membership_test(shape: str) -> Inside:
    """Return the membership test of `shape`. Raises UnknownName."""
    if shape not in SHAPES:
        raise UnknownName("shape", shape, SHAPES)
    return SHAPES[shape]


def rgb(color: str) -> tuple[int, int, int]:
    """Return the palette colour called `color`. Raises UnknownName."""
    if color not in PALETTE:
        raise UnknownName("colour", color, PALETTE)
    return PALETTE[color]


@cache
def unit_area(shape: str) -> tuple[float, float, float]:
    """Measure (area, centroid x, centroid y) of `shape` at radius 1, on a 400 x 400 midpoint grid over [-1.12,
    1.12]^2.
    """
    axis = ((np.arange(400) + 0.5) / 400 - 0.5) * 2.24
    x, y = np.meshgrid(axis, axis)
    mask = membership_test(shape)(x, y)
    return float(mask.sum() * (2.24 / 400) ** 2), float(x[mask].mean()), float(y[mask].mean())


def coverage(shape: str, radius: float, cx: float, cy: float, size: int) -> NDArray[np.float64]:
    """Compute the share of every pixel that the shape covers, [size, size] in [0, 1]; centre and radius in pixels."""
    cells = (np.arange(size * SUPERSAMPLE) + 0.5) / SUPERSAMPLE
    x, y = np.meshgrid((cells - cx) / radius, (cells - cy) / radius)
    mask = membership_test(shape)(x, y)
    return mask.reshape(size, SUPERSAMPLE, size, SUPERSAMPLE).mean(axis=(1, 3), dtype=np.float64)


def render(
    objects: Sequence[Mapping[str, Any]], size: int, background: tuple[float, float, float] | float
) -> NDArray[np.uint8]:
    """Draw an image [size, size, 3] of objects {shape, color, cx, cy, r}, drawn in order (later ones on top).

    color: a palette name or an (r, g, b) in 0-255; background: a grey level, an (r, g, b), all in 0-255.
    """
    image = np.empty((size, size, 3))
    image[:] = background
    return _paint(image, objects)


def _paint(image: NDArray[np.float64], objects: Sequence[Mapping[str, Any]]) -> NDArray[np.uint8]:
    for thing in objects:
        if thing["r"] <= 0:
            raise ConfigError(f"The radius of a shape must be > 0 px; got {thing['r']} for a {thing['shape']}.")
        alpha = coverage(thing["shape"], thing["r"], thing["cx"], thing["cy"], len(image))[..., None]
        color = rgb(thing["color"]) if isinstance(thing["color"], str) else thing["color"]
        image = image * (1 - alpha) + alpha * np.asarray(color, dtype=np.float64)
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def render_free_scene(
    objects: Sequence[Mapping[str, Any]], size: int, generator: np.random.Generator
) -> NDArray[np.uint8]:
    """Draw the harder picture of the same objects: random grey with a gradient, and every colour jittered.

    Background U(118, 150) plus a linear gradient of U(-8, 8) per axis across the image; colours + U(-10, 10) per
    channel, clipped to 0-255. Returns [size, size, 3].
    """
    ramp = (np.arange(size) + 0.5) / size - 0.5
    level = generator.uniform(118, 150)
    slope_x, slope_y = generator.uniform(-8, 8, 2)
    grey = level + slope_x * ramp[None, :] + slope_y * ramp[:, None]
    jittered = [
        {**thing, "color": np.clip(np.add(rgb(thing["color"]), generator.uniform(-10, 10, 3)), 0, 255)}
        for thing in objects
    ]
    return _paint(np.repeat(grey[..., None], 3, axis=2), jittered)
