"""D-MMD's gradient against autograd and finite differences, its zero, its tether, and IDLM's switch."""

import pytest
import torch

from fpd_bench.config.compose import compose
from fpd_bench.distill.peers.d_mmd import DMMD, generator_gradient
from fpd_bench.models.streams import Streams

SMALL = ["method=d_mmd", "track.preset=coarse", "optim.batch=8", "optim.samples_per_condition=4", "optim.warmup=0"]


def logits(seed):
    return 2 * torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_generators_gradient_is_autograds_and_that_of_finite_differences():
    ratio = logits(1)

    def loss(z):
        return (z.softmax(-1) * ratio).sum()

    given = logits(0).requires_grad_()
    loss(given).backward()
    torch.testing.assert_close(generator_gradient(logits(0), ratio), given.grad)
    step = torch.zeros_like(ratio)
    step[1, 2, 3] = 1e-6
    slope = (loss(logits(0) + step) - loss(logits(0) - step)) / 2e-6
    torch.testing.assert_close(generator_gradient(logits(0), ratio)[1, 2, 3], slope, rtol=1e-6, atol=1e-8)


def build(track, *overrides):
    config = compose([*SMALL, *overrides])
    condition = track.draw_conditions(2, torch.Generator().manual_seed(0)).repeat(4)
    return DMMD(config, track, Streams(0)), track.new_student(), condition


@pytest.mark.parametrize("idlm", ["false", "true"])
def test_equal_auxiliary_and_teacher_give_no_gradient(idlm, small_track):
    """Its zero: what the auxiliary says of the student is what the teacher says."""
    quiet = ["plugin.d_mmd.lead=0", f"plugin.d_mmd.idlm={idlm}"]
    method, student, condition = build(small_track, "refine.guidance=0", *quiet)
    assert method.backward(student, condition, 0.0)["loss"] < 1e-4
    method, student, condition = build(small_track, "refine.guidance=1", *quiet)
    assert method.backward(student, condition, 0.0)["loss"] > 1e-2


@pytest.mark.parametrize(("idlm", "held"), [("false", True), ("true", False)])
def test_the_teacher_holds_the_auxiliary_but_not_idlms(idlm, held, small_track):
    """A student that says one code only: the auxiliary goes half-way to it, IDLM's all the way."""
    method, student, condition = build(small_track, "plugin.d_mmd.aux_lr=0.01", f"plugin.d_mmd.idlm={idlm}")
    with torch.no_grad():
        student.head.bias[5] += 30.0
    for _ in range(60):
        method.after_step(student, condition)
    masked = torch.full((8, small_track.n_tokens), small_track.n_codes)
    with torch.no_grad():
        sure = method.network(masked, condition).softmax(-1)[..., 5].mean()
    assert (0.3 < sure < 0.75) if held else sure > 0.9


def test_the_lead_is_taken_once_and_leaves_the_student_alone(small_track):
    method, student, condition = build(small_track, "plugin.d_mmd.lead=3")
    calls = []
    method._train_auxiliary = lambda *given: calls.append(given) or 0.0
    for _ in range(2):
        method.backward(student, condition, 0.0)
    assert len(calls) == 3 and method.state_dict()["led"]


def test_for_several_steps_visible_tokens_of_pairs_stay_and_get_no_gradient(small_track):
    method, student, condition = build(small_track, "plugin.d_mmd.steps=4", "plugin.d_mmd.pairs=50")
    asked = method._ask(condition, "start")
    shown = ~asked.open
    assert shown.any() and torch.equal(asked.start.tokens[shown], asked.known[shown])
    assert ((asked.high >= asked.low) & (asked.high - asked.low <= 0.25)).all()
    hidden, _ = method._hide(asked, "refine")
    assert not (hidden & shown).any()
    assert method.backward(student, condition, 0.0)["loss"] > 0


def test_top_p_lowers_codes_of_the_teacher_and_forbids_none(small_track):
    method, _, condition = build(small_track, "plugin.d_mmd.teacher_top_p=0.5")
    masked = torch.full((8, small_track.n_tokens), small_track.n_codes)
    law, plain = method._teacher(masked, condition), build(small_track)[0]._teacher(masked, condition)
    assert torch.isfinite(law).all() and law.min() > plain.min() - 10 and law.max() > plain.max()
