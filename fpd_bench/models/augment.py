"""What is done to images before a discriminator sees them: differentiable augmentation and a fading blur."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

SHIFT = 0.125  # largest translation, as a part of the side
HOLE = 0.5  # side of the cut-out square, as a part of the side


def diff_augment(images: Tensor, generator: Generator | None = None) -> Tensor:
    """Colour, translation and cut-out, drawn per image (Zhao et al. 2020, arXiv:2006.10738); differentiable.

    images [B, C, H, W] in [-1, 1]. What is shifted in or cut out becomes 0 (grey).
    """
    x = images
    x = x + (_rand(x, generator) - 0.5)
    mean = x.mean(1, keepdim=True)
    x = (x - mean) * (_rand(x, generator) * 2) + mean
    mean = x.mean((1, 2, 3), keepdim=True)
    x = (x - mean) * (_rand(x, generator) + 0.5) + mean
    return _cut_out(_translate(x, generator), generator)


def _rand(like: Tensor, generator: Generator | None) -> Tensor:
    """One uniform number per image, [B, 1, 1, 1]."""
    return torch.rand(len(like), 1, 1, 1, device=like.device, dtype=like.dtype, generator=generator)


def _translate(x: Tensor, generator: Generator | None) -> Tensor:
    height, width = x.shape[2:]
    rows = _shifted(x, height, generator).view(-1, 1, height, 1)
    columns = _shifted(x, width, generator).view(-1, 1, 1, width)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    batch = torch.arange(len(x), device=x.device).view(-1, 1, 1)
    # advanced indexing puts the channels last: [B, H, W, C]
    moved = x.permute(0, 2, 3, 1)[batch, rows.clamp(0, height - 1)[:, 0], columns.clamp(0, width - 1)[:, 0]]
    return moved.permute(0, 3, 1, 2) * inside


def _shifted(x: Tensor, size: int, generator: Generator | None) -> Tensor:
    """Source position of every row or column after a shift by up to SHIFT, [B, size]; outside = shifted in."""
    reach = int(size * SHIFT + 0.5)
    shift = torch.randint(-reach, reach + 1, (len(x), 1), device=x.device, generator=generator)
    return torch.arange(size, device=x.device) + shift


def _cut_out(x: Tensor, generator: Generator | None) -> Tensor:
    height, width = x.shape[2:]
    rows = _hole(x, height, generator).view(-1, 1, height, 1)
    columns = _hole(x, width, generator).view(-1, 1, 1, width)
    return x * ~(rows & columns)


def _hole(x: Tensor, size: int, generator: Generator | None) -> Tensor:
    """Rows or columns the hole covers, [B, size] bool; it may hang over the edge."""
    length = int(size * HOLE + 0.5)
    centre = torch.randint(0, size + 1 - length % 2, (len(x), 1), device=x.device, generator=generator)
    place = torch.arange(size, device=x.device)
    start = centre - length // 2
    return (place >= start) & (place < start + length)


def blur(images: Tensor, sigma: float) -> Tensor:
    """Separable filter 2^-(k / sigma)^2, |k| <= floor(3 sigma), zeros beyond the border; below sigma 1/3 the identity.

    StyleGAN-XL fades sigma from 2 px to 0 over the first 300 000 images, for real and generated images alike.
    """
    radius = int(3 * sigma)
    if radius < 1:
        return images
    places = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    weights = torch.exp2(-((places / sigma) ** 2))
    channels = images.shape[1]
    kernel = (weights / weights.sum()).expand(channels, 1, -1)
    x = F.conv2d(images, kernel[:, :, :, None], padding=(radius, 0), groups=channels)
    return F.conv2d(x, kernel[:, :, None, :], padding=(0, radius), groups=channels)
