"""A track's networks on torch's meta device: every size and every operation, no weights and no memory.

A track may declare a blueprint, drawn from configuration files in the weights folder, or from published sizes if there
are none; any other track is opened and emptied.
"""

from pathlib import Path

import torch

from fpd_bench import registry
from fpd_bench.bench import Blueprint, Condition
from fpd_bench.errors import PluginError
from fpd_bench.models.network_size import count_numbers

META = torch.device("meta")
NOWHERE = Path("/nonexistent")  # readers of a configuration give the published sizes for an absent file


def blueprint(name: str, preset: str, weights: Path | None = None) -> Blueprint:
    """Draw the track's blueprint. Raises AssetError.

    weights: the folder with the published configurations; None = the published sizes.
    """
    draw = registry.tracks.load(name, "blueprint")
    if draw is not None:
        with META:
            declared: Blueprint = draw(preset, weights or NOWHERE)
        return declared
    track = registry.tracks.get(name)(preset)
    if not hasattr(track, "to"):
        raise PluginError(
            f"The track '{name}' cannot be priced: it has neither a blueprint nor a method to(device) (docs/adding.md)."
        )
    track = track.to(META)

    def condition(n: int) -> Condition:
        drawn: Condition = track.draw_conditions(n, torch.Generator().manual_seed(0))
        return drawn

    tokenizer = track.tokenizer
    network = getattr(tokenizer, "network", None)
    resident = count_numbers(network) if network else tokenizer.codebook.numel()
    return Blueprint(track.n_tokens, track.n_codes, track.teacher, tokenizer, track.backbone, resident, condition)
