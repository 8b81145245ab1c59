"""start.codes: the law of the visible codes of z_init (Eq. 4), estimated once a track and the same in every run.

A teacher that was trained to ignore wrong visible tokens learns nothing from uniform ones; codes as frequent as in real
pictures tell it a layout. Letters: K codes, L tokens.
"""

from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from fpd_bench.bench import Track
from fpd_bench.config.schema import LAWS
from fpd_bench.errors import UnknownName

_SEED = 20260521  # of the images and prompts that a law is estimated on: no run's own
_IMAGES, _PROMPTS, _BATCH = 1024, 128, 32
_KNOWN: WeakKeyDictionary[Track, dict[str, Tensor]] = WeakKeyDictionary()


def code_law(track: Track, kind: str) -> Tensor | None:
    """Estimate the probabilities [K], float64 on the CPU, of the visible codes of z_init; None for uniform ones.

    unigram: how often the tokenizer gives each code to the track's real images. teacher: the teacher's own mean over
    prompts and places when all tokens are masked, which needs no data. background: uniform over the codes that
    `track.background` names, or the one that the teacher likes best. Raises UnknownName, and AssetError for real images
    that are not there.
    """
    if kind not in LAWS:
        raise UnknownName("start.codes", kind, LAWS)
    if kind == "uniform":
        return None
    laws = _KNOWN.setdefault(track, {})
    if kind not in laws:
        laws[kind] = {"unigram": _unigram, "background": _background, "teacher": _teacher}[kind](track)
    return laws[kind]


@torch.no_grad()
def _unigram(track: Track) -> Tensor:
    generator, counts = torch.Generator().manual_seed(_SEED), torch.zeros(track.n_codes, dtype=torch.float64)
    for _ in range(_IMAGES // _BATCH):
        codes = track.tokenizer.encode(track.real_images(_BATCH, generator))
        counts += torch.bincount(codes.flatten().cpu(), minlength=track.n_codes)
    return counts / counts.sum()


@torch.no_grad()
def _teacher(track: Track) -> Tensor:
    generator, total = torch.Generator().manual_seed(_SEED), torch.zeros(track.n_codes, dtype=torch.float64)
    masked = torch.full((_BATCH, track.n_tokens), track.n_codes, device=track.tokenizer.codebook.device)
    for _ in range(_PROMPTS // _BATCH):
        logits = track.teacher(masked, track.draw_conditions(_BATCH, generator))
        total += logits.softmax(-1).flatten(0, 1).mean(0).cpu()
    return total / total.sum()


def _background(track: Track) -> Tensor:
    named = getattr(track, "background", ()) or (int(_teacher(track).argmax()),)
    law = torch.zeros(track.n_codes, dtype=torch.float64)
    law[list(named)] = 1 / len(named)
    return law
