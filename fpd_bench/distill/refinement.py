"""One damage-and-repair step of the frozen teacher, T_r after M_r (Eq. 5), shared by every method that needs it."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fpd_bench.bench import Condition, Track
from fpd_bench.config.schema import RefineConfig
from fpd_bench.distill import parallel
from fpd_bench.errors import Diverged
from fpd_bench.models.masking import draw_damage, draw_ratios
from fpd_bench.models.sampling import first_arrival, guide, keyed_categorical, waiting_times


@dataclass(frozen=True)
class Refinement:
    """codes [B, L] repaired draft; hidden [B, L] True where re-masked; logits [B, L, K] of the guided teacher."""

    codes: Tensor
    hidden: Tensor
    logits: Tensor


def guided_logits(teacher: nn.Module, tokens: Tensor, condition: Condition, null: Condition, weight: float) -> Tensor:
    """Compute the teacher's logits with classifier-free guidance c + w (c - u)."""
    conditional = teacher(tokens, condition)
    return guide(conditional, teacher(tokens, null), weight) if weight else conditional


def draw_codes(
    logits: Tensor, generator: torch.Generator, temperature: float = 1.0, sampling: str = "gumbel"
) -> Tensor:
    """Draw a code per position [B, L] from this rank's logits, with noise of the whole batch. Raises Diverged,
    together.

    temperature: 0 = argmax. sampling: as refine.sampling.
    """
    if not parallel.holds_everywhere(bool(torch.isfinite(logits).all())):
        raise Diverged("the logits are no longer finite")
    total, (_, length, codes) = len(logits) * parallel.ranks(), logits.shape
    if not temperature:
        return first_arrival(logits, None)
    if sampling == "categorical":
        uniforms = parallel.own_rows(torch.rand(total, length, generator=generator)).to(logits.device)
        return keyed_categorical(logits / temperature, uniforms)
    return first_arrival(logits, parallel.own_rows(waiting_times((total, length, codes), generator)), temperature)


@torch.no_grad()
def refine(
    track: Track,
    draft: Tensor,
    condition: Condition,
    config: RefineConfig,
    generator: torch.Generator,
    soft: Tensor | None = None,
) -> Refinement:
    """Hide round(r L) tokens of draft [B, L], r ~ pi, and let the teacher fill them with one guided sample.

    soft: probabilities [B, L, K] that stand in for the visible codes ("Soft Emb.": the mixture reaches the teacher).
    Visible positions keep the draft's codes in the result; so do hidden ones of which the teacher is less sure, where
    refine.confident is below 1.
    """
    total, (_, length) = len(draft) * parallel.ranks(), draft.shape
    ratios = draw_ratios(total, config.ratio, config.low, config.high, generator)
    hidden = parallel.own_rows(draw_damage(ratios, length, generator)).to(draft.device)
    tokens = draft.masked_fill(hidden, track.n_codes)
    if soft is not None:
        one_hot = F.one_hot(tokens, track.n_codes + 1).to(soft.dtype)
        tokens = torch.where(hidden[..., None], one_hot, F.pad(soft, (0, 1)))
    with torch.inference_mode():
        logits = guided_logits(track.teacher, tokens, condition, track.null_condition(len(draft)), config.guidance)
    logits = logits.clone()  # an ordinary tensor: a method may put it into a loss
    drawn = draw_codes(logits, generator, config.temperature, config.sampling)
    taken = hidden if config.confident == 1 else _most_confident(logits, drawn, hidden, config.confident)
    return Refinement(torch.where(taken, drawn, draft), hidden, logits)


def _most_confident(logits: Tensor, drawn: Tensor, hidden: Tensor, share: float) -> Tensor:
    """Select the round(share h) >= 1 of h hidden positions whose drawn codes [B, L] are likeliest: [B, L] (Sec.
    3.1).
    """
    sureness = logits.log_softmax(-1).gather(-1, drawn[..., None]).squeeze(-1).masked_fill(~hidden, -torch.inf)
    rank = sureness.argsort(dim=1, descending=True).argsort(dim=1)
    return hidden & (rank < (share * hidden.sum(1, keepdim=True)).round().clamp_min(1))
