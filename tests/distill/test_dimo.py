"""Di[M]O's token gradients against autograd of the divergences they stand for, and its auxiliary network."""

import pytest
import torch

from fpd_bench.config.compose import compose
from fpd_bench.distill.peers.dimo import DiMO, token_gradient
from fpd_bench.distill.trainer import Training
from fpd_bench.models.streams import Streams

SMALL = ["method=dimo", "track.preset=coarse", "optim.batch=8", "optim.samples_per_condition=4"]


def logits(seed):
    return 2 * torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def autograd(divergence):
    student = logits(0).requires_grad_()
    divergence(student.log_softmax(-1), logits(1).log_softmax(-1)).backward()
    return student.grad


def forward_kl(ours, teachers):
    """KL(teacher || ours), summed."""
    return (teachers.exp() * (teachers - ours)).sum()


def reverse_kl(ours, teachers):
    """KL(ours || teacher), summed."""
    return (ours.exp() * (ours - teachers)).sum()


def test_beta_0_is_the_gradient_of_the_forward_kl():
    torch.testing.assert_close(token_gradient(logits(0), logits(1), 0.0), autograd(forward_kl))


def test_beta_1_is_the_gradient_of_the_reverse_kl():
    torch.testing.assert_close(token_gradient(logits(0), logits(1), 1.0), autograd(reverse_kl))


@pytest.mark.parametrize("beta", [-0.2, 0.3])
def test_between_and_beyond_it_is_their_mixture(beta):
    expected = (1 - beta) * autograd(forward_kl) + beta * autograd(reverse_kl)
    torch.testing.assert_close(token_gradient(logits(0), logits(1), beta), expected)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_equal_laws_give_no_gradient_and_shifts_do_not_matter(beta):
    assert token_gradient(logits(0), logits(0) + 3.0, beta).abs().max() < 1e-12
    gradient = token_gradient(logits(0), logits(1), beta)
    assert gradient.sum(-1).abs().max() < 1e-12  # along the direction that softmax cannot see


@pytest.mark.parametrize("beta", [0.0, 1.0])
def test_a_step_against_the_gradient_brings_the_laws_together(beta):
    before, after = logits(0), logits(0) - 0.1 * token_gradient(logits(0), logits(1), beta)
    kl = forward_kl if beta == 0 else reverse_kl
    far, near = (kl(x.log_softmax(-1), logits(1).log_softmax(-1)) for x in (before, after))
    assert near < far


def build(track, *overrides):
    config = compose([*SMALL, *overrides])
    return DiMO(config, track, Streams(0)), track.new_student()


def test_at_the_start_auxiliary_and_teacher_agree(small_track):
    """Without guidance the first gradient is zero: the auxiliary network begins as the teacher."""
    method, student = build(small_track, "refine.guidance=0")
    row = method.backward(student, small_track.draw_conditions(2, torch.Generator()).repeat(4), 0.0)
    assert row["loss"] < 1e-4
    guided, student = build(small_track)
    row = guided.backward(student, small_track.draw_conditions(2, torch.Generator()).repeat(4), 0.0)
    assert row["loss"] > 1e-2


def test_the_auxiliary_network_learns_the_students_law(small_track):
    method, student = build(small_track, "dimo.aux_lr=0.01", "optim.batch=16")
    with torch.no_grad():
        student.head.bias[5] += 30.0  # a student that says one code only
    condition = small_track.draw_conditions(4, torch.Generator()).repeat(4)
    losses = [method.after_step(student, condition)["auxiliary_loss"] for _ in range(20)]
    assert losses[-1] < losses[0] / 2


def test_training_the_auxiliary_leaves_student_and_teacher_alone(small_track):
    method, student = build(small_track)
    method.after_step(student, small_track.draw_conditions(2, torch.Generator()).repeat(4))
    teacher = small_track.teacher.state_dict()
    assert all(torch.equal(value, teacher[name]) for name, value in student.state_dict().items())
    assert all(parameter.grad is None for parameter in student.parameters())
    assert any(not torch.equal(value, teacher[name]) for name, value in method.network.state_dict().items())


def test_the_gradient_is_put_on_the_bare_logits_whatever_the_temperature(small_track):
    """With argmax drafts the temperature only divides the logits, and must not divide the gradient."""
    found = []
    for temperature in (1.0, 0.25):
        method, student = build(small_track, "start.sampling=argmax", f"start.temperature={temperature}")
        method.backward(student, small_track.draw_conditions(2, torch.Generator()).repeat(4), 0.0)
        found.append(torch.cat([p.grad.flatten() for p in student.parameters() if p.grad is not None]))
    torch.testing.assert_close(found[1], found[0])


def test_the_auxiliarys_learning_rate_warms_up_and_stays(small_track):
    overrides = ["dimo.aux_lr=0.01", "optim.warmup=4", "optim.steps=8", "optim.schedule=cosine"]
    method, student = build(small_track, *overrides)
    condition, rates = small_track.draw_conditions(2, torch.Generator()).repeat(4), []
    for step in range(8):
        method.backward(student, condition, step / 8)
        rates.append(method.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.0025, 0.005, 0.0075, *[0.01] * 5])


def test_fixed_embeddings_stay_the_teachers_in_student_and_auxiliary(small_track):
    training = Training(compose([*SMALL, "dimo.fixed_embeddings=true", "optim.warmup=0"]), small_track)
    for _ in range(2):
        training.advance()
    teacher = small_track.teacher.state_dict()
    fixed = {"token.weight", "token_place"}
    for network in (training.student, training.average, training.method.network):
        moved = {name for name, value in network.state_dict().items() if not torch.equal(value, teacher[name])}
        assert moved and not moved & fixed
