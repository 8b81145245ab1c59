"""Track `maskgen` on torch's meta device: every size and every operation, no weights and no memory."""

from pathlib import Path
from typing import Any

import torch

from fpd_bench.bench import Blueprint, Condition
from fpd_bench.models.network_size import count_numbers
from fpd_bench.tracks.maskgen.declaration import FILES
from fpd_bench.tracks.maskgen.networks import build_teacher, build_text, build_tokenizer, read_score
from fpd_bench.tracks.maskgen.track import MaskGenTeacher, TaTiTokTokenizer
from fpd_bench.tracks.paper import draw_backbone, places_of

META = torch.device("meta")


def draw(preset: str, weights: Path) -> Blueprint:
    """Draw the networks from the configurations in folder `weights`, or the published sizes where there are none.

    Raises AssetError for a configuration that cannot be read.
    """
    paths = places_of(FILES, weights)
    network = build_teacher(paths["teacher"]).eval().requires_grad_(False)
    tatitok = build_tokenizer(paths["tokenizer"]).eval().requires_grad_(False)
    clip = build_text(paths["text"]).eval().requires_grad_(False)

    def condition(n: int) -> Condition:
        text = torch.empty(n, clip.shape.context, clip.shape.width, device=META)
        pooled = torch.empty(n, 1, clip.shape.projection, device=META)
        return Condition(("",) * n, {"text": text, "pooled": pooled, "guide": text})

    def encode(n: int) -> Any:
        return clip(torch.zeros(n, clip.shape.context, dtype=torch.long, device=META))

    return Blueprint(
        network.shape.tokens,
        network.shape.codes,
        MaskGenTeacher(network, read_score(paths["teacher"])),
        TaTiTokTokenizer(tatitok),
        draw_backbone(paths["backbone"]),
        count_numbers(tatitok, clip),
        condition,
        encode,
    )
