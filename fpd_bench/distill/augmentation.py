"""What the discriminator sees of an image: DiffAugment and a blur (Sec. 3.4), both differentiable.

Both as in StyleGAN-XL, where images lie in [-1, 1]: what comes in from outside, or is cut out, is 0 there, mid-grey.

Random numbers are drawn for a whole batch and can be cut like it, so that neither micro-batches nor ranks change them.
Letters: B batch, H x W pixels; images lie in [0, 1].
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Augmentation:
    """The random numbers of one look at B images, on the CPU.

    colour [B, 3] in [0, 1); shift [B, 2] px from the top left of the padded image; hole [B, 2] px, its centre.
    """

    colour: Tensor
    shift: Tensor
    hole: Tensor

    @classmethod
    def draw(cls, n: int, size: tuple[int, int], generator: torch.Generator) -> "Augmentation":
        """Draw the random numbers for n images of size (H, W)."""
        colour = torch.rand(3, n, 1, 1, 1, generator=generator).flatten(1).T
        shift = [torch.randint(0, 2 * reach + 1, (n, 1), generator=generator) for reach in _largest_shift(size)]
        hole = [torch.randint(0, side + 1 - _hole_side(side) % 2, (n, 1), generator=generator) for side in size]
        return cls(colour, torch.cat(shift, 1), torch.cat(hole, 1))

    def __len__(self) -> int:
        return len(self.colour)

    def __getitem__(self, rows: slice) -> "Augmentation":
        return Augmentation(self.colour[rows], self.shift[rows], self.hole[rows])

    def __call__(self, images: Tensor) -> Tensor:
        """Change colour, place and a cut-out square at random, each image by its own numbers (Zhao et al. 2020,
        arXiv:2006.10738).

        images [B, 3, H, W] in [0, 1] -> same shape; what is moved in or cut out is mid-grey. Colours may leave [0, 1].
        """
        x = _change_colour(images * 2 - 1, self.colour.to(images))
        x = _cut_out(_translate(x, self.shift), self.hole)
        return (x + 1) / 2


def diff_augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Augment images [B, 3, H, W] with numbers drawn from `generator`."""
    height, width = images.shape[-2:]
    return Augmentation.draw(len(images), (height, width), generator)(images)


def blur(images: Tensor, sigma: float) -> Tensor:
    """Blur images with the Gaussian 2^-(k / sigma)^2, k <= floor(3 sigma) px, mid-grey around; not below 1/3 px.

    images [B, 3, H, W] in [0, 1].
    """
    radius = math.floor(3 * sigma)
    if radius < 1:
        return images
    kernel = torch.exp2(-((torch.arange(-radius, radius + 1, device=images.device) / sigma) ** 2)).to(images.dtype)
    kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, -1)
    channels = images.shape[1]
    rows = functional.conv2d(images * 2 - 1, kernel[:, :, None, :], padding=(0, radius), groups=channels)
    both = functional.conv2d(rows, kernel[:, :, :, None], padding=(radius, 0), groups=channels)
    return (both + 1) / 2


def _largest_shift(size: tuple[int, int]) -> tuple[int, int]:
    """Return how far images move: an eighth of each side, in px."""
    return int(size[0] / 8 + 0.5), int(size[1] / 8 + 0.5)


def _hole_side(side: int) -> int:
    """Return the part of a side that is cut out, a fifth, in px."""
    return int(side / 5 + 0.5)


def _change_colour(x: Tensor, u: Tensor) -> Tensor:
    """Change brightness +-0.5, saturation x 0-2, contrast x 0.5-1.5 of x in [-1, 1]; u [B, 3]."""
    brightness, saturation, contrast = u.T[:, :, None, None, None]
    x = x + brightness - 0.5
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * 2 * saturation
    level = x.mean((1, 2, 3), keepdim=True)
    return level + (x - level) * (0.5 + contrast)


def _translate(x: Tensor, shift: Tensor) -> Tensor:
    """Shift images by up to an eighth of the side in both directions, zeros from outside."""
    b, _, h, w = x.shape
    reach = _largest_shift((h, w))
    padded = functional.pad(x, (reach[1], reach[1], reach[0], reach[0]))
    rows, cols = ((torch.arange(size) + shift[:, i : i + 1]).to(x.device) for i, size in enumerate((h, w)))
    batch = torch.arange(b, device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[batch, rows[:, :, None], cols[:, None, :]].permute(0, 3, 1, 2)


def _cut_out(x: Tensor, centre: Tensor) -> Tensor:
    """Zero a rectangle of a fifth of each side around a random point, clipped at the border."""
    inside = []
    for i, size in enumerate(x.shape[-2:]):
        offset = torch.arange(size) - centre[:, i : i + 1] + _hole_side(size) // 2  # px from the rectangle's beginning
        inside.append((offset >= 0) & (offset < _hole_side(size)))
    hole = (inside[0][:, :, None] & inside[1][:, None, :]).to(x.device)
    return x * (~hole)[:, None].to(x)
