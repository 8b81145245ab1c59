"""Track `maskgit` on torch's meta device: every size and every operation, no weights and no memory."""

from pathlib import Path

import torch

from fpd_bench.bench import Blueprint, Condition
from fpd_bench.models.network_size import count_numbers
from fpd_bench.tracks.maskgit.declaration import FILES
from fpd_bench.tracks.maskgit.networks import build_teacher, build_tokenizer
from fpd_bench.tracks.maskgit.track import MaskGitTeacher, VqganTokenizer
from fpd_bench.tracks.paper import draw_backbone, places_of

META = torch.device("meta")


def draw(preset: str, weights: Path) -> Blueprint:
    """Draw the networks from the configurations in folder `weights`, or the published sizes where there are none.

    Raises AssetError for a configuration that cannot be read.
    """
    paths = places_of(FILES, weights)
    network = build_teacher(paths["teacher"]).eval().requires_grad_(False)
    vqgan = build_tokenizer(paths["tokenizer"]).eval().requires_grad_(False)

    def condition(n: int) -> Condition:
        label, dropped = (torch.zeros(n, dtype=kind, device=META) for kind in (torch.long, torch.bool))
        return Condition(("",) * n, {"label": label, "dropped": dropped})

    return Blueprint(
        network.shape.tokens,
        network.shape.codes,
        MaskGitTeacher(network),
        VqganTokenizer(vqgan),
        draw_backbone(paths["backbone"]),
        count_numbers(vqgan),
        condition,
    )
