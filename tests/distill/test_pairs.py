"""What the teacher gets to see for each estimator and each source of drafts."""

import pytest
import torch

from fpd_bench.config.compose import compose
from fpd_bench.distill.trainer import Training

SMALL = [
    "track.preset=coarse", "drift.space=pixel", "drift.blocks=[]", "drift.grid=4", "optim.steps=4", "optim.batch=8",
    "optim.samples_per_condition=4", "execution.grid_every=0", "refine.ratio=uniform", "refine.low=0.3",
    "refine.high=0.3", "start.temperature=1",
]  # fmt: skip


def seen_by_the_teacher(track, *overrides):
    """What its first call of a step is given: codes [B, L], or weights over codes and mask [B, L, K + 1]."""
    seen, training = [], Training(compose([*SMALL, *overrides]), track)
    hook = track.teacher.register_forward_pre_hook(lambda module, given: seen.append(given[0].clone()))
    try:
        training.advance()
    finally:
        hook.remove()
    return seen[0]


@pytest.mark.parametrize("estimator", ["ste", "soft"])
def test_a_random_draft_reaches_the_teacher_whatever_the_decoder_gets(estimator, small_track):
    """Uniform codes stand where the student's would; its mixture would make the control a draft of its own."""
    tokens = seen_by_the_teacher(small_track, f"estimator={estimator}", "draft=random")
    assert not tokens.is_floating_point()
    visible = tokens[tokens != small_track.n_codes]
    reference = seen_by_the_teacher(small_track, "draft=random")
    assert torch.equal(tokens, reference) and len(visible.unique()) > 5


def test_a_students_mixture_stands_in_for_its_own_draft(small_track):
    weights = seen_by_the_teacher(small_track, "estimator=soft")
    hidden = weights[..., small_track.n_codes] == 1
    assert weights.shape == (8, small_track.n_tokens, small_track.n_codes + 1)
    torch.testing.assert_close(weights.sum(-1), torch.ones(8, small_track.n_tokens))
    assert hidden.any() and (weights[~hidden].amax(-1) < 1).any()
