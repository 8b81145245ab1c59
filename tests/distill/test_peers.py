"""Losses of ReDi, SDTT, Di4C and Soft-Di[M]O against autograd, finite differences and counting; their zeros; stages."""

import io

import pytest
import torch

from fpd_bench.config.compose import compose
from fpd_bench.distill.method import new_student
from fpd_bench.distill.peers.di4c import Di4C, correlation, kl, mean_law
from fpd_bench.distill.peers.mixture import MixtureStudent
from fpd_bench.distill.peers.pair_set import mask_share
from fpd_bench.distill.peers.redi import ReDi, stage_of
from fpd_bench.distill.peers.sdtt import SDTT, divergence
from fpd_bench.distill.peers.soft_dimo import SoftDiMO
from fpd_bench.distill.trainer import Training
from fpd_bench.models.streams import Streams

SMALL = ["track.preset=coarse", "optim.batch=8", "optim.samples_per_condition=4", "optim.warmup=0"]


def laws(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(*shape, generator=generator, dtype=torch.float64)).log_softmax(-1)


def build(kind, name, track, *overrides):
    config = compose([*SMALL, f"method={name}", *overrides])
    condition = track.draw_conditions(8, torch.Generator().manual_seed(0))
    return kind(config, track, Streams(0)), new_student(config, track), condition


# ---------------------------------------------------------------------------------------------------------- SDTT


@pytest.mark.parametrize("kind", ["reverse_kl", "forward_kl", "mse", "l1"])
def test_divergences_are_zero_for_equal_laws_and_their_slopes_are_autograds(kind):
    assert divergence(laws(0, 2, 5), laws(0, 2, 5), kind).abs().max() < 1e-12
    assert (divergence(laws(0, 2, 5), laws(1, 2, 5), kind) > 0).all()
    z = laws(0, 2, 5).requires_grad_()
    divergence(z.log_softmax(-1), laws(1, 2, 5), kind).sum().backward()
    step = torch.zeros(2, 5, dtype=torch.float64)
    step[1, 2] = 1e-6
    above, below = (divergence((laws(0, 2, 5) + s).log_softmax(-1), laws(1, 2, 5), kind).sum() for s in (step, -step))
    torch.testing.assert_close(z.grad[1, 2], (above - below) / 2e-6, rtol=1e-5, atol=1e-7)


def test_the_reverse_kl_is_torchs_kl_div_in_the_published_order():
    p, q = laws(0, 3, 5), laws(1, 3, 5)
    published = torch.nn.functional.kl_div(q, p, log_target=True, reduction="batchmean")
    torch.testing.assert_close(divergence(p, q, "reverse_kl").mean(), published)


def test_a_jump_reveals_the_share_that_the_schedule_says(small_track):
    method, _, _ = build(SDTT, "sdtt", small_track)
    masked = torch.full((400, small_track.n_tokens), small_track.n_codes)
    time = torch.full((400,), 0.75)
    log_q, after = method.jump(masked, time, 0.125, small_track.null_condition(400))
    begin, end = mask_share(torch.tensor([0.75, 0.5])).tolist()
    shown = float((after != small_track.n_codes).float().mean())
    assert shown == pytest.approx((begin - end) / begin, abs=0.015)
    assert torch.allclose(log_q.exp().sum(-1), torch.ones(400, small_track.n_tokens), atol=1e-5)


def test_sdtts_zero_a_teacher_that_reveals_nothing_in_its_second_step(small_track):
    """With one step long enough to reveal all, q is the teacher's law at x_t, which is the student's own."""
    method, student, condition = build(SDTT, "sdtt", small_track, "refine.guidance=0", "plugin.sdtt.base_steps=1")
    assert method.backward(student, condition, 0.0)["loss"] < 1e-5
    method, student, condition = build(SDTT, "sdtt", small_track, "refine.guidance=0", "plugin.sdtt.base_steps=4")
    assert method.backward(student, condition, 0.0)["loss"] > 1e-4


def test_a_rounds_teacher_is_the_last_rounds_student_also_after_a_restart(small_track):
    method, student, condition = build(SDTT, "sdtt", small_track, "plugin.sdtt.rounds=2")
    with torch.no_grad():
        student.head.bias[3] += 5
    method.backward(student, condition, 0.5)
    assert method.round == 1 and torch.equal(method.teacher.head.bias, student.head.bias)
    restored, _, _ = build(SDTT, "sdtt", small_track, "plugin.sdtt.rounds=2")
    restored.load_state_dict(method.state_dict())
    assert torch.equal(restored.teacher.head.bias, student.head.bias)


# ---------------------------------------------------------------------------------------------------------- ReDi


def test_stages_follow_each_other_and_the_last_ends_with_the_run():
    stages = [stage_of(step / 400, 0.25, 3) for step in range(400)]
    assert [stages.count(stage) for stage in range(4)] == [100, 100, 100, 100] and stages == sorted(stages)


@pytest.mark.parametrize(("stage", "share"), [(1, 0.5), (3, 1.0)])
def test_a_mixture_takes_half_of_the_start_and_the_last_stage_all_of_it(stage, share, small_track):
    method, _, _ = build(ReDi, "redi", small_track)
    method.stage = stage
    begin, target = torch.zeros(2000, 16, dtype=torch.long), torch.ones(2000, 16, dtype=torch.long)
    assert float((method._mix(begin, target) == 0).float().mean()) == pytest.approx(share, abs=0.02)


def test_a_run_goes_on_inside_a_stage_as_if_it_had_not_stopped(small_track):
    """Two steps in stage 1, saved after the first: the second is the same, on the same pairs."""
    asked = ["method=redi", "plugin.redi.pairs=20", "plugin.redi.rectify_steps=2", "plugin.redi.tuning=0.25"]
    config = compose([*SMALL, *asked, "optim.steps=8"])
    whole, restored = Training(config, small_track), Training(config, small_track)
    for _ in range(3):
        whole.advance()
    assert whole.method.stage == 1 and len(whole.method.texts) == 20
    file = io.BytesIO()
    torch.save(whole.state_dict(), file)
    file.seek(0)
    restored.load_state_dict(torch.load(file, weights_only=True))
    assert restored.method.texts == whole.method.texts
    assert whole.advance()["loss"] == restored.advance()["loss"]


# ---------------------------------------------------------------------------------------------------------- Di4C


def test_equal_members_know_nothing_of_correlations():
    one = laws(0, 2, 1, 4, 3)
    codes = torch.randint(3, (2, 4), generator=torch.Generator().manual_seed(0))
    assert correlation(one.expand(-1, 5, -1, -1), codes).abs().max() < 1e-12
    assert correlation(laws(1, 2, 5, 4, 3), codes).abs().min() > 1e-3


def test_the_correlation_has_mean_zero_where_tokens_are_independent_and_its_slope_is_autograds():
    """Under the mixture's own product of marginals the mean of -cor is -KL, and 0 for equal members: by all codes."""
    members = laws(0, 1, 3, 2, 2)
    codes = torch.cartesian_prod(torch.arange(2), torch.arange(2))
    each = members.expand(4, -1, -1, -1)
    joint = (-correlation(each, codes) + mean_law(each).gather(-1, codes[..., None]).sum((1, 2))).exp()
    torch.testing.assert_close(joint.sum(), torch.tensor(1.0, dtype=torch.float64))  # cor + marginals = the mixture
    z, step = members.clone().requires_grad_(), torch.zeros_like(members)
    correlation(z.log_softmax(-1), codes[1:2]).sum().backward()
    step[0, 1, 1, 0] = 1e-6
    above, below = (correlation((members + s).log_softmax(-1), codes[1:2]).sum() for s in (step, -step))
    torch.testing.assert_close(z.grad[0, 1, 1, 0], (above - below) / 2e-6, rtol=1e-5, atol=1e-8)


def test_kl_is_summed_over_tokens():
    p, q = laws(0, 2, 4, 3), laws(1, 2, 4, 3)
    torch.testing.assert_close(
        kl(p, q),
        torch.distributions.kl_divergence(*(torch.distributions.Categorical(logits=each) for each in (p, q))).sum(-1),
    )
    assert kl(p, p).abs().max() < 1e-12


def test_di4cs_student_that_ignores_its_latent_begins_as_the_teacher(small_track):
    _, student, condition = build(Di4C, "di4c", small_track)
    assert isinstance(student, MixtureStudent)
    masked = torch.full((8, small_track.n_tokens), small_track.n_codes)
    with torch.no_grad():
        first, second = (student(masked, condition, latent=torch.full((8,), x)) for x in (0.1, 0.8))
    assert not torch.allclose(first, second)
    noise = [torch.Generator().manual_seed(i) for i in range(8)]
    look = student.settled(noise)
    with torch.no_grad():
        said, unsaid = look(masked, condition), look(masked, small_track.null_condition(8))
        again = look(masked.clone(), condition)
    kept = look.latent
    assert len(kept) == 8 and not torch.equal(said, again) and not torch.equal(said, unsaid)


def test_the_teachers_continuation_reveals_what_the_step_is_due(small_track):
    method, _, _ = build(Di4C, "di4c", small_track, "plugin.di4c.delta=0.25")
    batch = method._draw(64)
    length, masks = small_track.n_tokens, batch.tokens == small_track.n_codes
    shown = (batch.later != small_track.n_codes).sum(-1)
    due = (length * (1 - mask_share((0.75 - batch.time).clamp_min(0)))).floor()[:, None]
    expected = torch.maximum(due, (~masks).sum(1, keepdim=True))
    assert torch.equal(shown, expected.expand_as(shown).long())
    assert torch.equal(batch.later[:, 0][~masks], batch.tokens[~masks])


# ---------------------------------------------------------------------------------------------------- Soft-Di[M]O


def test_the_discriminators_pull_is_the_slope_of_its_judgement(small_track):
    method, _, condition = build(SoftDiMO, "soft_dimo", small_track, "start.temperature=1")
    with torch.no_grad():
        for head in method.critic.heads:
            head[-1].weight *= 20
    logits = torch.randn(8, small_track.n_tokens, small_track.n_codes, generator=torch.Generator().manual_seed(0))
    state = method.streams.state_dict()
    pull = method.with_more(torch.zeros_like(logits), logits, condition)

    def loss(z):
        method.streams.load_state_dict(state)
        hidden = method._hidden(z)
        return -method.critic(method._hide(z.softmax(-1), hidden), condition).mean()

    step = 0.1 * pull / pull.norm()
    with torch.no_grad():
        slope = (loss(logits + step) - loss(logits - step)) / 2
    torch.testing.assert_close(slope, (pull * step).sum(), rtol=2e-2, atol=1e-6)


def test_the_discriminator_learns_and_the_teacher_does_not(small_track):
    method, student, condition = build(SoftDiMO, "soft_dimo", small_track, "plugin.soft_dimo.lr=0.01")
    before = [value.clone() for value in small_track.teacher.state_dict().values()]
    margins = []
    for _ in range(12):
        method.backward(student, condition, 0.0)
        margins.append(method.after_step(student, condition)["d_margin"])
    assert sum(margins[-3:]) > sum(margins[:3])
    assert all(torch.equal(a, b) for a, b in zip(before, small_track.teacher.state_dict().values(), strict=True))


def test_without_weight_it_is_dimo(small_track):
    from fpd_bench.distill.peers.dimo import DiMO

    found = []
    for kind, name, more in ((DiMO, "dimo", []), (SoftDiMO, "soft_dimo", ["plugin.soft_dimo.weight=0"])):
        method, student, condition = build(kind, name, small_track, *more)
        method.backward(student, condition, 0.0)
        found.append(torch.cat([p.grad.flatten() for p in student.parameters() if p.grad is not None]))
    assert torch.equal(*found)
