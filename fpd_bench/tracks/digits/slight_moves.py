"""Slightly moved digits: 3,000 images are few, and a digit that is turned by a few degrees is still that digit."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fpd_bench.tracks.digits.data import PIXELS


@dataclass(frozen=True)
class Moves:
    """Largest changes, each drawn uniformly on both sides. turn: radians; shear; scale: of each axis; shift: px."""

    turn: float
    shear: float
    scale: float
    shift: float


STRONG = Moves(turn=0.2, shear=0.15, scale=0.12, shift=2.0)  # for what must not learn the images by heart
SLIGHT = Moves(turn=0.1, shear=0.08, scale=0.06, shift=0.0)  # for what must draw as people do


def move_slightly(images: Tensor, moves: Moves, generator: torch.Generator) -> Tensor:
    """Move images [B, 1, H, W], each by its own affine map, bilinear; black comes in at the borders."""
    turn, shear, wide, high, right, down = (torch.rand(6, len(images), generator=generator) * 2 - 1).unbind()
    cos, sin = torch.cos(moves.turn * turn), torch.sin(moves.turn * turn)
    wide, high = 1 + moves.scale * wide, 1 + moves.scale * high
    shift = 2 * moves.shift / PIXELS
    rows = [
        torch.stack([cos * wide, moves.shear * shear - sin * high, shift * right], dim=1),
        torch.stack([sin * wide, cos * high, shift * down], dim=1),
    ]
    grid = F.affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)
