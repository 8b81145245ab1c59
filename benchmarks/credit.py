"""Does the straight-through gradient point at the right codes? One step, no training (docs/dynamics.md, finding 1).

For every token that one teacher repair changes from u to y, Eq. 8 raises the logits of codes in proportion to
E_v . (-dL/de). A useful gradient ranks y near the top (0) and above u; an uninformative one ranks it at .5.

  python benchmarks/credit.py [--background 250] [--preset default]
"""

import argparse
from dataclasses import replace
from types import SimpleNamespace

import torch
from rich.console import Console
from rich.table import Table

from fpd_bench.config.schema import DriftConfig, RefineConfig
from fpd_bench.distill.refinement import draw_codes, refine
from fpd_bench.models.backbones import EMBEDDED, FeatureBackbone
from fpd_bench.registry import spaces
from fpd_bench.tracks.shapes.tokenizer import PatchTokenizer, draw_codebook
from fpd_bench.tracks.shapes.track import ShapesTrack

LITE0 = [(EMBEDDED, pixels, blocks) for pixels in (32, 64) for blocks in ([0], [1], [2], [3], [4], [0, 1, 2, 3])]
SPACES = [("pixel", 0, []), *LITE0, *(("shapes", 32, blocks) for blocks in ([0], [1], [2], [3], [0, 1, 2, 3]))]


@torch.no_grad()
def drafts(track: ShapesTrack) -> tuple[torch.Tensor, torch.Tensor]:
    """One-step drafts of the teacher [B, L] and their repairs at half of the tokens hidden."""
    generator = torch.Generator().manual_seed(0)
    condition = track.suite("validation").condition
    masked = torch.full((len(condition), track.n_tokens), track.n_codes)
    codes = draw_codes(track.teacher(masked, condition), generator)
    half = RefineConfig("uniform", low=0.5, high=0.5, guidance=2.0, temperature=0.0)
    return codes, refine(track, codes, condition, half, generator).codes


def credit(
    tokenizer: PatchTokenizer, phi: str, pixels: int, blocks: list[int], u: torch.Tensor, y: torch.Tensor, n: int
) -> list[str]:
    """[top-1 hit, rank of y (objects), rank of y (background), share of y above u] as text. n: textures of a patch."""
    codebook, space = tokenizer.codebook, "pixel" if phi == "pixel" else "feature"
    backbone = None if space == "pixel" else FeatureBackbone(phi, input_size=pixels)
    surroundings = SimpleNamespace(backbone=backbone, tokenizer=tokenizer)
    lift = spaces.get(space).build(DriftConfig(space=space, blocks=blocks), surroundings)
    embeddings = codebook[u].clone().requires_grad_(True)
    drafted = lift(tokenizer.decode(embeddings))
    with torch.no_grad():
        target = lift(tokenizer.decode(codebook[y]))
    gaps = [(drafted[layer] - target[layer]).square() for layer in drafted]
    loss = torch.stack([gap.sum() / gap.detach().mean().sqrt() for gap in gaps]).sum()
    (gradient,) = torch.autograd.grad(loss, embeddings)
    scores, changed = -gradient @ codebook.T, u != y
    of_y = scores.gather(-1, y[..., None])
    rank = (scores > of_y).float().mean(-1)
    better = (of_y > scores.gather(-1, u[..., None])).squeeze(-1)
    background = changed & (y < n)  # the empty patch comes first, in all its textures
    objects = changed & (y >= n)
    values = ((scores.argmax(-1) == y)[changed].float(), rank[objects], rank[background], better[changed].float())
    return [f"{value.mean():.2f}" for value in values]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--background", type=int, help="grey level; default: the preset's")
    parser.add_argument("--preset", default="default")
    options = parser.parse_args()
    torch.set_num_threads(1)
    track = ShapesTrack(options.preset)
    world = track.world if options.background is None else replace(track.world, background=options.background)
    tokenizer = PatchTokenizer(draw_codebook(world), world.side, world.patch)
    u, y = drafts(track)
    table = Table(title=f"Straight-through credit, background {world.background}, {int((u != y).sum())} changed tokens")
    for name in ("space", "px", "blocks", "top-1", "rank, object", "rank, background", "y above u"):
        table.add_column(name)
    for phi, pixels, blocks in SPACES:
        numbers = credit(tokenizer, phi, pixels, blocks, u, y, world.textures)
        table.add_row(phi, str(pixels or "-"), str(blocks), *numbers)
    Console().print(table)


if __name__ == "__main__":
    main()
