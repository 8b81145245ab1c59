"""A student in several steps: the track's own sampler, the teacher's, with the student in its place.

It begins at z_init, where all tokens are open: random codes are hints until they are written over (ReDi's way). With
start.r_init=1 these are the teacher's masks. Letters: B batch, L tokens.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fpd_bench.bench import Condition, Track
from fpd_bench.config.schema import StartConfig
from fpd_bench.distill.drafting import Start, draft_logits, draw_start, settle
from fpd_bench.models.perturbation import Perturbation


def sample_in_steps(
    track: Track,
    student: nn.Module,
    condition: Condition,
    start: StartConfig,
    noise: Sequence[torch.Generator],
    steps: int,
    guidance: float,
    begin: Tensor | None = None,
) -> Tensor:
    """Sample codes [B, L] in `steps`; one generator per item. begin [B, L]: tokens of z_init, None draws them."""
    first = draw_start(len(noise), track, start, noise)
    first = (first if begin is None else Start(begin, first.perturbation)).to(track.tokenizer.codebook.device)
    look = settle(student, noise)

    def model(tokens: Tensor, asked: Condition) -> Tensor:
        return draft_logits(look, Start(tokens, _repeated(first.perturbation, len(tokens))), asked, start)

    with torch.inference_mode():
        codes = track.teacher_sample(condition, steps, noise, model=model, start=first.tokens, guidance=guidance)
    return codes.clone()


def _repeated(perturbation: Perturbation | None, rows: int) -> Perturbation | None:
    """Give a batch that holds each item several times, with and without its condition, the same noise for each."""
    if perturbation is None:
        return None
    return Perturbation(perturbation.noise.repeat(rows // len(perturbation), 1, 1), perturbation.sigma)
