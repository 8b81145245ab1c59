"""Near-synonymous codes: every patch drawn in N textures that change its pixels and not what it shows.

A real VQ codebook holds many codes for the same content, so its tokens carry nats of entropy that mean nothing. Here
each patch of the plain world is drawn N times, in stripes and checks of one pixel: a texture adds +-amplitude (of a
contrast of 1) to every pixel, then the contrast is divided by 1 + 2 amplitude, so that no pixel is clipped. Textures
all have mean 0 over 2 x 2 pixels, so a [1 2 1] filter across both axes takes them out again: so does the detector.

Code ids: N x (code of the plain world) + texture.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from fpd_bench.tracks.shapes.world import WorldPreset

# (which of the three weaves, sign in red, green, blue): upright stripes, lying stripes, checks, and their complements
_WEAVES = (
    (0, (1, 1, 1)),
    (1, (1, -1, 1)),
    (2, (1, 1, -1)),
    (0, (-1, 1, 1)),
    (1, (-1, -1, 1)),
    (2, (-1, 1, -1)),
    (0, (1, -1, -1)),
    (1, (1, 1, 1)),
)
MOST = len(_WEAVES)


@dataclass(frozen=True)
class Textures:
    """The textures of a preset. n: near-synonyms of each patch; amplitude: of a pixel, the plain contrast being 1."""

    n: int
    amplitude: float

    @property
    def contrast(self) -> float:
        """Return what is left of the plain world's contrast: all pixels stay in [0, 1]."""
        return 1 / (1 + 2 * self.amplitude)

    def add_to(self, codebook: Tensor, patch: int) -> Tensor:
        """Add the textures: plain patches [K, 3 p p] in [0, 1] -> textured ones [K n, 3 p p] in [0, 1], synonyms in
        a row.
        """
        row, column = torch.arange(patch)[:, None], torch.arange(patch)[None, :]
        weaves = [(-1.0) ** (column + 0 * row), (-1.0) ** (row + 0 * column), (-1.0) ** (row + column)]
        signs = torch.tensor([signs for _, signs in _WEAVES[: self.n]], dtype=codebook.dtype)
        textures = torch.stack([weaves[kind] for kind, _ in _WEAVES[: self.n]])[:, None] * signs[:, :, None, None]
        woven = codebook[:, None] - 0.5 + self.amplitude * textures.flatten(1)
        return (0.5 + self.contrast * woven).flatten(0, 1)

    def remove_from(self, images: Tensor) -> Tensor:
        """Remove the textures, by a blur of one pixel: textured images [B, 3, H, W] in [0, 1] -> what the detector
        is shown.
        """
        line = torch.tensor([0.25, 0.5, 0.25], dtype=images.dtype, device=images.device)
        kernel = (line[:, None] * line).expand(3, 1, 3, 3)
        smooth = functional.conv2d(functional.pad(images, (1, 1, 1, 1), "reflect"), kernel, groups=3)
        return ((smooth - 0.5) / self.contrast + 0.5).clamp(0, 1)


def textures_of(world: WorldPreset) -> Textures | None:
    """Return the textures of a preset; None for a plain one."""
    return Textures(world.textures, world.amplitude) if world.textures > 1 else None


def choose_textures(codes: Tensor, world: WorldPreset, generator: torch.Generator) -> Tensor:
    """Choose textures: plain codes [n, L] -> codes of the textured world [n, L]; the textures agree as world.agree
    says.
    """
    if world.textures == 1:
        return codes
    return codes * world.textures + _draw_textures(codes, world, generator)


def _draw_textures(codes: Tensor, world: WorldPreset, generator: torch.Generator) -> Tensor:
    """Draw a texture for every token [n, L], uniform: of its own, its object's, or its image's."""
    n, side = len(codes), world.side
    if world.agree == "token":
        return torch.randint(world.textures, codes.shape, generator=generator)
    if world.agree == "image":
        return torch.randint(world.textures, (n, 1), generator=generator).expand_as(codes)
    grid = torch.where(codes > 0, (codes - 1) % 4, torch.zeros_like(codes)).view(n, side, side)  # quarter of its object
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    corner = (row - grid // 2) * side + column - grid % 2  # the object's top-left token
    own = torch.randint(world.textures, (n, side * side + 1), generator=generator)
    background = torch.full_like(corner, side * side)
    return own.gather(1, torch.where(codes.view_as(grid) > 0, corner, background).view(n, -1))


def plain_codes(codes: Tensor, world: WorldPreset) -> Tensor:
    """Return what the codes show: ids of the plain world, whatever their textures."""
    return codes // world.textures
