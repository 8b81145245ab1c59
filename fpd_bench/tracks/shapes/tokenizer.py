"""Patch tokenizer of the shapes world: nearest code of a patch, decoded by table look-up.

In the aligned world there is one code per distinct patch and every scene is an exact grid of codes, so encoding loses
nothing; with free placement codes are learnt. Decoding is linear in the code embedding, so straight-through and soft
drafts see no decoder error.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fpd_bench.bench import Condition
from fpd_bench.tracks.shapes.drawing import render
from fpd_bench.tracks.shapes.free import draw_scene
from fpd_bench.tracks.shapes.textures import textures_of
from fpd_bench.tracks.shapes.world import Thing, WorldPreset, codes_of


def draw_codebook(world: WorldPreset) -> Tensor:
    """Draw all patches of an aligned preset [K, 3 p p] in [0, 1], in the order of world.codes_of, in all its
    textures.
    """
    p, middle = world.patch, float(world.patch)
    patches = [np.full((p, p, 3), world.background, dtype=np.uint8)]
    for shape in world.shapes:
        for colour in world.colours:
            thing = {"shape": shape, "color": colour, "cx": middle, "cy": middle, "r": world.radius}
            image = render([thing], 2 * p, world.background)
            patches += [image[y : y + p, x : x + p] for y in (0, p) for x in (0, p)]
    codebook = torch.from_numpy(np.stack(patches)).permute(0, 3, 1, 2).flatten(1).float() / 255
    textures = textures_of(world)
    return textures.add_to(codebook, p) if textures else codebook


class PatchTokenizer:
    """Frozen Enc, E and D: nearest patch, table look-up, tiling."""

    def __init__(self, codebook: Tensor, side: int, patch: int):
        self.codebook = codebook  # [K, 3 p p]
        self.side, self.patch = side, patch

    def to(self, device: torch.device | str) -> None:
        """Move the codebook."""
        self.codebook = self.codebook.to(device)

    def encode(self, images: Tensor) -> Tensor:
        """Encode images: [B, 3, H, W] in [0, 1] -> nearest codes [B, L]."""
        b, s, p = len(images), self.side, self.patch
        patches = images.reshape(b, 3, s, p, s, p).permute(0, 2, 4, 1, 3, 5).reshape(b, s * s, -1)
        return torch.cdist(patches, self.codebook.expand(b, -1, -1)).argmin(-1)

    def decode(self, embeddings: Tensor, condition: Condition | None = None) -> Tensor:
        """Decode embeddings: [B, L, 3 p p] -> images [B, 3, H, W]; the condition is not used."""
        b, s, p = len(embeddings), self.side, self.patch
        tiles = embeddings.reshape(b, s, s, 3, p, p).permute(0, 3, 1, 4, 2, 5)
        return tiles.reshape(b, 3, s * p, s * p)


def tokens_of(scenes: Sequence[list[Thing]], world: WorldPreset, codebook: Tensor) -> Tensor:
    """Encode scenes as codes [n, L] of the plain world: known exactly on the token grid, else of the nearest
    patches.
    """
    if world.learnt:
        return PatchTokenizer(codebook, world.side, world.patch).encode(pictures_of(scenes, world))
    return torch.from_numpy(np.stack([codes_of(things, world).reshape(-1) for things in scenes]))


def pictures_of(scenes: Sequence[list[Thing]], world: WorldPreset) -> Tensor:
    """Draw the scenes of a freely placed world, before any tokenizer: [n, 3, H, W] in [0, 1]."""
    images = np.stack([draw_scene(things, world) for things in scenes])
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
