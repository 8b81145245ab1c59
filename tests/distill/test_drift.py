"""Drift losses against the published one (golden/drift_a), a plain float64 reading of Eq. 6-7, and invariances."""

import json
import math
import os
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from fpd_bench.config.fields import choices
from fpd_bench.config.schema import DriftConfig
from fpd_bench.distill import drift
from fpd_bench.distill.drifting import drifting_loss
from fpd_bench.distill.running_means import DECAY, RunningMeans
from fpd_bench.errors import ConfigError, UnknownName

GOLDEN = Path(os.environ.get("FPD_GOLDEN_DIR", "tests/golden"))
SET = os.environ.get("FPD_GOLDEN_SET", "a")
WIDTHS = [0.05, 0.2, 0.5]

POSITIVES, NEGATIVES, NORMALISE, SCALE, EQUALISE = (
    choices(f"drift.{kind}") for kind in ("positives", "negatives", "normalise", "scale", "equalise")
)


def features(b=12, f=3, d=6, seed=0, step=0.5):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(b, f, d, generator=g, dtype=torch.float64) + 2
    return x, x + step * torch.randn(b, f, d, generator=g, dtype=torch.float64)


def asked(widths, groups=1, memory=None, running=None, **options):
    """The configuration, and what is none."""
    return {"drift": DriftConfig(bandwidths=widths, **options), "groups": groups, "memory": memory, "running": running}


def drift_loss(x, y, widths, **options):
    return drift.drift_loss(x, y, **asked(widths, **options))


def drift_field(x, y, widths, **options):
    return drift.drift_field(x, y, **asked(widths, **options))


def gradient(x, y, widths=WIDTHS, **options):
    x = x.clone().requires_grad_()
    drift_loss(x, y, widths, **options).loss.backward()
    return x.grad


def sinkhorn(k):
    for _ in range(20):
        k = k / k.sum(0, keepdim=True)
        k = k / k.sum(1, keepdim=True)
    return k


def plain_field(x, y, h, positives, negatives, normalise, shift=1, repulsion=1.0, floor=0.0, prompts=1, memory=None):
    """V_h(X_i^f) of Eq. 6 sample by sample for one group, in coordinates divided by the mean distance."""
    b = len(x)
    remembered = x[:0] if memory is None else memory
    x_neg = torch.cat([x.roll(shift, 0), remembered])
    d_neg, d_pos = (torch.linalg.vector_norm(x[:, None] - t[None], dim=-1) for t in (x_neg, y))  # [i, j, f]
    unit = torch.cat([d_neg, d_pos], 1).mean()
    k_neg, k_pos = (-d_neg / unit / h).exp(), (-d_pos / unit / h).exp()
    own = torch.eye(b, dtype=torch.float64)[:, :, None]
    if negatives == "self_masked":
        k_neg = k_neg * (1 - torch.cat([own.roll(shift, 1), own.new_zeros(b, len(remembered), 1)], 1))
    prompt = torch.block_diag(*[torch.ones(b // prompts, b // prompts, dtype=torch.float64)] * prompts)[:, :, None]
    k_pos = k_pos * {"all": torch.ones_like(own), "others": 1 - own, "own": own, "condition": prompt}[positives]
    if normalise == "joint":
        row = k_neg.sum(1, keepdim=True) + k_pos.sum(1, keepdim=True)
        a_neg, a_pos = ((k / row * k / k.sum(0, keepdim=True)).clamp_min(floor).sqrt() for k in (k_neg, k_pos))
        w_neg, w_pos = a_neg * a_pos.sum(1, keepdim=True), a_pos * a_neg.sum(1, keepdim=True)
    elif normalise == "sinkhorn":
        w_neg, w_pos = sinkhorn(k_neg), sinkhorn(k_pos)
    else:
        w_neg, w_pos = (k if normalise == "row_only" else k / k.sum(0, keepdim=True).sqrt() for k in (k_neg, k_pos))
        w_neg, w_pos = (w / w.sum(1, keepdim=True) for w in (w_neg, w_pos))
    attract = torch.einsum("ijf,jfd->ifd", w_pos, y) - w_pos.sum(1)[..., None] * x
    repel = torch.einsum("ijf,jfd->ifd", w_neg, x_neg) - w_neg.sum(1)[..., None] * x
    return (attract - repulsion * repel) / unit, unit


def plain_loss(x, y, widths, **options):
    """Eq. 7 literally: frozen targets, one squared error per bandwidth."""
    total = 0.0
    for h in widths:
        with torch.no_grad():
            v, unit = plain_field(x, y, h, **options)
            target = x / unit + v
            z = (v.square().sum(-1).mean()).sqrt()
        total = total + (x / unit - target).square().sum(-1).mean() / z
    return total


@pytest.mark.parametrize("scenario", json.loads((GOLDEN / f"drift_{SET}.json").read_text()))
@pytest.mark.parametrize("r_list", [(0.02, 0.05, 0.2), (0.02,), (0.05,), (0.2,)])
def test_published_drifting_loss(scenario, r_list):
    golden = load_file(GOLDEN / f"drift_{SET}.safetensors")
    get = lambda key: golden.get(f"{scenario}.{key}")  # noqa: E731
    gen = get("gen").requires_grad_()
    loss, info = drifting_loss(gen, get("fixed_pos"), get("fixed_neg"), weight_neg=get("weight_neg"), R_list=r_list)
    loss.sum().backward()
    prefix = "" if len(r_list) > 1 else f"R{r_list[0]}."
    torch.testing.assert_close(loss, get(f"{prefix}loss"), atol=2e-4, rtol=1e-3)
    torch.testing.assert_close(gen.grad, get(f"{prefix}grad_of_loss_sum_wrt_gen"), atol=2e-4, rtol=1e-3)
    published = json.loads((GOLDEN / f"drift_{SET}.json").read_text())[scenario]["info_mean"]
    for key, value in info.items():
        assert value.item() == pytest.approx(published[key], rel=1e-3)


def test_official_setting_of_fpd_loss_points_where_the_published_one_points():
    x, y = features()
    ours = gradient(x, y, [0.2], negatives="self_masked", floor=1e-6)
    gen = x.transpose(0, 1).contiguous().requires_grad_()  # positions folded into the batch axis
    drifting_loss(gen, y.transpose(0, 1), R_list=(0.2,))[0].sum().backward()
    theirs = gen.grad.transpose(0, 1)
    assert torch.nn.functional.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0) > 1 - 1e-9


OFFICIAL = dict(negatives="self_masked", floor=1e-6, combine="fields", guards="published")


@pytest.mark.parametrize("spread", [1.0, 1e-2, 1e-4, 1e-6, 1e-9, 0.0])
@pytest.mark.parametrize("step", [0.5, 1e-5, 0.0])
def test_official_setting_is_the_published_loss_down_to_full_collapse(spread, step):
    """Value and gradient, of drafts and refinements that differ by less and less: every floor of it is reached."""
    x, move = features(f=2, d=16, step=step)
    x = 2 + spread * (x - 2)
    y = x + spread * (move - x)
    gen = x.transpose(0, 1).contiguous().requires_grad_()
    loss, _ = drifting_loss(gen, y.transpose(0, 1), R_list=WIDTHS)
    loss.mean().backward()
    ours = x.clone().requires_grad_()
    found = drift_loss(ours, y, WIDTHS, **OFFICIAL).loss
    found.backward()
    size = gen.grad.abs().max().item()
    torch.testing.assert_close(ours.grad, gen.grad.transpose(0, 1), rtol=1e-5, atol=1e-5 * size + 1e-7)
    torch.testing.assert_close(found, loss.mean().detach(), rtol=1e-5, atol=1e-7)


def test_a_collapsed_batch_takes_no_giant_step_under_published_guards():
    g = torch.Generator().manual_seed(0)
    x = torch.ones(12, 3, 64) + 1e-7 * torch.randn(12, 3, 64, generator=g)  # equal but for float32's rounding
    tiny, published = (gradient(x, x.flip(0), guards=guards, floor=1e-6).norm() for guards in ("tiny", "published"))
    assert published < 50 and tiny > 1e4


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_published_loss_takes_half_precision(dtype):
    x, y = (each.transpose(0, 1).to(dtype) for each in features())
    gen = x.clone().requires_grad_()
    loss, _ = drifting_loss(gen, y, y[:, :3], weight_neg=torch.ones(3, 3, dtype=dtype))
    loss.sum().backward()
    expected, _ = drifting_loss(x.float(), y.float(), y[:, :3].float())
    torch.testing.assert_close(loss, expected)
    assert loss.dtype == torch.float32 and gen.grad.dtype == dtype and gen.grad.isfinite().all()


@pytest.mark.parametrize("wrong", [-0.5, math.nan, math.inf])
def test_a_weight_that_no_affinity_can_have_is_refused(wrong):
    x, y = (each.transpose(0, 1) for each in features())
    weights = torch.ones(3, 12)
    weights[1, 4] = wrong
    with pytest.raises(ConfigError, match=f"weight_pos must be finite and 0 or more, .*; got {wrong}"):
        drifting_loss(x, y, weight_pos=weights)
    drifting_loss(x, y, weight_pos=weights.nan_to_num(0, 0).clamp_min(0))


@pytest.mark.parametrize("normalise", NORMALISE)
@pytest.mark.parametrize("positives", POSITIVES)
@pytest.mark.parametrize("negatives", NEGATIVES)
@pytest.mark.parametrize(("repulsion", "remembered"), [(1.0, 0), (0.3, 5)])
def test_value_and_gradient_are_those_of_a_plain_reading(normalise, positives, negatives, repulsion, remembered):
    x, y = features()
    memory = features(b=5, seed=3)[0] if remembered else None
    options = dict(normalise=normalise, positives=positives, negatives=negatives, repulsion=repulsion, memory=memory)
    prompts = 3 if positives == "condition" else 1
    reference = x.clone().requires_grad_()
    expected = plain_loss(reference, y, WIDTHS, **options, prompts=prompts)
    expected.backward()
    torch.testing.assert_close(drift_loss(x, y, WIDTHS, **options, groups=prompts).loss, expected.detach())
    torch.testing.assert_close(gradient(x, y, **options, groups=prompts), reference.grad)


def test_a_remembered_draft_repels_every_prompt_and_none_of_them_pulls():
    x, y = features(b=4, f=1, d=2)
    memory = x[:1] + 0.1
    options = dict(groups=2, negatives="self_masked", repulsion=1e3, normalise="row_only", scale="none")
    change = gradient(x, y, [50.0], memory=memory, **options) - gradient(x, y, [50.0], **options)
    assert change[:, 0].norm(dim=-1).min() > 0  # wide kernel: it reaches the group of samples 2 and 3, too
    alone = gradient(x[:1], x[:1], [50.0], positives="own", negatives="roll", memory=memory, equalise="none")
    assert ((memory - x[:1]) * -alone).sum() < 0  # the step against the gradient leads away from it


def test_one_loss_on_the_sum_of_fields_has_the_same_gradient_and_the_published_value():
    x, y = features(f=1)
    official = dict(negatives="self_masked", floor=1e-6)
    torch.testing.assert_close(gradient(x, y, **official, combine="fields"), gradient(x, y, **official))
    published = drifting_loss(x.transpose(0, 1), y.transpose(0, 1), R_list=WIDTHS)[0].sum().item()
    fields, losses = (drift_loss(x, y, WIDTHS, **official, combine=c).loss.item() for c in ("fields", "losses"))
    assert fields == pytest.approx(published, rel=1e-6)  # floors differ
    assert losses != pytest.approx(published, rel=0.1)


def test_a_sum_over_dimensions_is_so_many_times_their_mean():
    x, y = features(d=6)
    assert drift_loss(x, y, WIDTHS, norm="sum").loss == 6 * drift_loss(x, y, WIDTHS).loss
    torch.testing.assert_close(gradient(x, y, norm="sum"), 6 * gradient(x, y))


def test_roll_is_the_same_for_every_shift():
    x, y = features()
    ours = gradient(x, y, negatives="roll")
    for shift in (1, 5, 11):
        reference = x.clone().requires_grad_()
        plain_loss(reference, y, WIDTHS, positives="all", negatives="roll", normalise="joint", shift=shift).backward()
        torch.testing.assert_close(ours, reference.grad)


@pytest.mark.parametrize("normalise", NORMALISE)
def test_with_some_shifts_a_sample_sees_only_those_that_follow_it(normalise):
    x, y = features(b=5, f=1)
    ours = gradient(x, y, [0.2], negatives="roll", shifts=4, normalise=normalise)
    torch.testing.assert_close(ours, gradient(x, y, [0.2], negatives="self_masked", normalise=normalise))
    base = gradient(x, y, [0.2], negatives="roll", shifts=1, normalise="row_only", repulsion=1e3, scale="none")
    away = x - x.roll(-1, 0)  # from the next sample, whatever its distance
    cosine = torch.nn.functional.cosine_similarity(-base, away, dim=-1)
    assert (cosine > 1 - 1e-4).all()


def test_doubly_stochastic_weights_leave_the_mean_where_it_is():
    """Every sample repels with total weight 1 and is repelled with total weight 1: the forces of a group cancel."""
    x, _ = features()
    options = dict(positives="own", negatives="self_masked", scale="none")
    field = gradient(x, x, [0.5], normalise="sinkhorn", **options)
    assert field.sum(0).abs().max() < 1e-6 * field.abs().max()
    assert gradient(x, x, [0.5], normalise="separate", **options).sum(0).abs().max() > 1e-3 * field.abs().max()


def test_gradient_is_the_slope_of_the_regression_onto_a_frozen_target():
    x, y = features(b=6, f=2, d=3)
    v, unit = plain_field(x, y, 0.2, "all", "self_masked", "joint")
    z, target = v.square().sum(-1).mean().sqrt(), x / unit + v
    eq7 = lambda at: (at / unit - target).square().sum(-1).mean() / z  # noqa: E731
    grad, eps = gradient(x, y, [0.2], negatives="self_masked"), 1e-5
    torch.testing.assert_close(grad, -2 * v / z / unit / (6 * 2))
    for index in [(0, 0, 0), (3, 1, 2), (5, 0, 1)]:
        nudge = torch.zeros_like(x)
        nudge[index] = eps
        assert grad[index].item() == pytest.approx((eq7(x + nudge) - eq7(x - nudge)).item() / 2 / eps, rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("normalise", NORMALISE)
def test_a_refinement_that_changes_nothing_gives_exactly_no_drift_under_roll(normalise, dtype):
    x = features(b=32, d=40)[0].to(dtype)
    student = x.clone().requires_grad_()
    result = drift_loss(student, x, [0.02, 0.05, 0.2], negatives="roll", normalise=normalise, groups=2)
    result.loss.backward()
    assert result.loss.item() == 0
    assert student.grad.abs().max() == 0


def test_masked_self_and_own_refinement_balance_at_the_fixed_point():
    x, _ = features()
    result = drift_loss(x, x, WIDTHS, positives="others", negatives="self_masked")
    assert result.loss.abs() < 1e-9
    assert result.stats["repulsion_0.05"] == pytest.approx(1)
    assert result.stats["distance"] == 0


def test_permuting_samples_within_groups_permutes_gradients():
    x, y = features()
    order = torch.cat([torch.randperm(4, generator=torch.Generator().manual_seed(g)) + 4 * g for g in range(3)])
    torch.testing.assert_close(gradient(x[order], y[order], groups=3), gradient(x, y, groups=3)[order])


def test_groups_do_not_see_each_other():
    x, y = features()
    far = torch.zeros_like(x)
    far[:4] = 7  # moves a whole group: distances within it stay, distances to other groups would not
    torch.testing.assert_close(gradient(x + far, y + far, groups=3), gradient(x, y, groups=3))
    alone = gradient(x[:4], y[:4], [0.2], scale="none")
    together = gradient(x, y, [0.2], scale="none", groups=3)[:4]
    cosine = torch.nn.functional.cosine_similarity(alone.flatten(), together.flatten(), dim=0)
    assert cosine > 1 - 1e-9  # only Z_h is shared


@pytest.mark.parametrize("groups", [1, 3])
def test_scale_per_position_makes_positions_of_different_size_alike(groups):
    x, y = features(f=2)
    x[:, 1], y[:, 1] = 1000 * x[:, 0], 1000 * y[:, 0]
    per_position = gradient(x, y, scale="position", groups=groups)
    torch.testing.assert_close(per_position[:, 1] * 1000, per_position[:, 0])
    layer = gradient(x, y, scale="layer", groups=groups)
    assert not torch.allclose(layer[:, 1] * 1000, layer[:, 0], rtol=0.1)


@pytest.mark.parametrize("groups", [1, 3])
def test_equalised_per_position_strong_and_weak_positions_pull_alike(groups):
    x, y = features(f=2)
    y[:, 1] = x[:, 1] + 0.01 * (y[:, 1] - x[:, 1])
    options = dict(positives="own", negatives="roll", normalise="row_only", repulsion=0.0, groups=groups)
    sizes = gradient(x, y, [0.5], equalise="position", **options).square().sum(-1).mean(0)
    assert sizes[0].item() == pytest.approx(sizes[1].item())
    sizes = gradient(x, y, [0.5], equalise="layer", **options).square().sum(-1).mean(0)
    assert sizes[1] < 1e-3 * sizes[0]


def test_without_equalising_the_gradient_and_loss_are_those_of_the_bare_field():
    x, y = features()
    v, unit = plain_field(x, y, 0.5, "all", "self_masked", "joint")
    bare = dict(negatives="self_masked", equalise="none")
    torch.testing.assert_close(gradient(x, y, [0.5], **bare), -2 * v / unit / (12 * 3))
    assert drift_loss(x, y, [0.5], **bare).loss.item() == pytest.approx(v.square().sum(-1).mean().item())


def test_raw_features_have_the_mean_over_their_dimensions_and_its_sum():
    x, y = features(d=6)
    bare = dict(scale="none", equalise="none", positives="own", repulsion=0.0, normalise="row_only")
    step = (y - x).square()  # the own refinement, weight 1
    assert drift_loss(x, y, [1.0], **bare).loss.item() == pytest.approx(step.mean().item())
    assert drift_loss(x, y, [1.0], **bare, norm="sum").loss.item() == pytest.approx(step.sum(-1).mean().item())
    torch.testing.assert_close(gradient(x, y, [1.0], **bare), -2 * (y - x) / step.numel())


def test_many_remembered_drafts_cost_no_square_of_their_number():
    x, y = features(b=8, f=2, d=4)
    few, many = features(b=6, f=2, d=4, seed=3)[0], 60_000
    memory = torch.cat([few, few[:1].expand(many - 6, -1, -1) + 1e6])  # too far away to matter
    options = dict(scale="none", normalise="row_only")
    torch.testing.assert_close(gradient(x, y, memory=memory, **options), gradient(x, y, memory=few, **options))


@pytest.mark.parametrize("option", ["scale", "equalise"])
def test_a_running_mean_starts_as_this_step_and_remembers_it(option):
    x, y = features()
    z, w = features(seed=1, step=2.0)
    running = RunningMeans()
    fields = [drift_field(a, b, WIDTHS, **{option: "running"}, running=running) for a, b in ((x, y), (z, w))]
    alone = [drift_field(a, b, WIDTHS) for a, b in ((x, y), (z, w))]
    torch.testing.assert_close(fields[0].gradient, alone[0].gradient)
    assert not torch.allclose(fields[1].gradient, alone[1].gradient, rtol=0.05)
    if option == "scale":
        mixed = DECAY * alone[0].stats["scale"] + (1 - DECAY) * alone[1].stats["scale"]
        assert fields[1].stats["scale"] == pytest.approx(mixed)
    again = RunningMeans()
    again.load_state_dict(running.state_dict())
    third = [drift_field(x, y, WIDTHS, **{option: "running"}, running=r).gradient for r in (running, again)]
    assert torch.equal(*third)


def test_bandwidths_are_a_set_without_order():
    x, y = features()
    assert torch.equal(gradient(x, y, [0.5, 0.05, 0.2]), gradient(x, y, [0.05, 0.2, 0.5]))


def test_narrow_kernels_keep_their_share_where_plain_weights_underflow():
    x, y = (t.float() for t in features(b=8, f=1, d=320))
    x64, y64 = x.double(), y.double()
    torch.testing.assert_close(gradient(x, y, [0.004]).double(), gradient(x64, y64, [0.004]), rtol=2e-2, atol=1e-4)
    assert gradient(x, y, [0.004]).norm().item() == pytest.approx(gradient(x, y, [0.5]).norm().item(), rel=0.2)


def test_no_gradient_reaches_the_refinement():
    x, y = features()
    x.requires_grad_()
    y.requires_grad_()
    drift_loss(x, y, WIDTHS).loss.backward()
    assert y.grad is None and x.grad.abs().sum() > 0


def test_attraction_alone_follows_the_own_refinement():
    x, y = features()
    step = -gradient(x, y, [0.2], positives="own", repulsion=0.0, normalise="row_only", negatives="roll")
    torch.testing.assert_close(step / step.norm(), (y - x) / (y - x).norm())


def test_half_precision_students_are_compared_in_float32():
    x, y = (t.bfloat16() for t in features())
    grad = gradient(x, y)
    assert grad.dtype == torch.bfloat16
    torch.testing.assert_close(grad.float(), gradient(x.float(), y.float()), rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("normalise", NORMALISE)
@pytest.mark.parametrize("positives", POSITIVES)
@pytest.mark.parametrize("negatives", NEGATIVES)
@pytest.mark.parametrize(("scale", "equalise"), list(zip(SCALE, EQUALISE, strict=True)))
@pytest.mark.parametrize("floor", [0.0, 1e-6])
def test_no_nan_for_duplicates_and_extremes(normalise, positives, negatives, scale, equalise, floor):
    x, y = (t.float() for t in features(b=8, f=2, d=4))
    same = torch.full_like(x, 3.0)
    cases = [
        (same, same),
        (same, y),
        (x * 1e12, y * 1e12),
        (x * 1e-12, y * 1e-12),
        (x, x),
        (x, y + 1e6),
        (torch.where(torch.arange(8)[:, None, None] < 6, same, x), y),
        (torch.zeros_like(x), torch.zeros_like(x)),
    ]
    for a, b in cases:
        student = a.clone().requires_grad_()
        result = drift_loss(
            student,
            b,
            [0.02, 0.5],
            normalise=normalise,
            positives=positives,
            negatives=negatives,
            scale=scale,
            equalise=equalise,
            floor=floor,
            groups=2,
        )
        result.loss.backward()
        assert math.isfinite(result.loss.item()) and student.grad.isfinite().all()
        assert all(math.isfinite(v) for v in result.stats.values())


def test_broken_features_are_not_hidden():
    x, y = features()
    x[0, 0, 0] = math.nan
    assert drift_loss(x, y, WIDTHS).loss.isnan()


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 10_000),
    st.floats(1e-3, 1e3),
    st.floats(-100, 100),
    st.sampled_from(NORMALISE),
    st.sampled_from(POSITIVES),
    st.sampled_from(NEGATIVES),
)
def test_units_and_origin_of_the_features_do_not_matter(seed, unit, origin, normalise, positives, negatives):
    x, y = features(b=6, f=2, d=3, seed=seed)
    options = dict(normalise=normalise, positives=positives, negatives=negatives, groups=2)
    base = drift_loss(x, y, WIDTHS, **options)
    moved = drift_loss(x * unit + origin, y * unit + origin, WIDTHS, **options)
    assert moved.loss.item() == pytest.approx(base.loss.item(), rel=1e-5)
    torch.testing.assert_close(
        gradient(x * unit + origin, y * unit + origin, **options) * unit,
        gradient(x, y, **options),
        rtol=1e-4,
        atol=1e-7,
    )


@pytest.mark.parametrize("widths", [[], [0.0], [-0.1, 0.2], [math.inf], [math.nan]])
def test_impossible_bandwidths_are_refused(widths):
    with pytest.raises(ConfigError, match="bandwidths"):
        drift_loss(*features(), widths)


@pytest.mark.parametrize("option", ["positives", "negatives", "normalise", "scale", "equalise", "combine", "norm"])
def test_unknown_choices_are_named(option):
    with pytest.raises(UnknownName, match=f"drift.{option} 'jiont'"):
        drift_loss(*features(), WIDTHS, **{option: "jiont"})


def test_impossible_shapes_are_refused():
    x, y = features()
    with pytest.raises(ConfigError, match="5 equal groups"):
        drift_loss(x, y, WIDTHS, groups=5)
    with pytest.raises(ConfigError, match="nothing to compare"):
        drift_loss(x, y, WIDTHS, groups=12, negatives="self_masked")
    with pytest.raises(ConfigError, match="B, F, D"):
        drift_loss(x, y[:, :1], WIDTHS)
    for wrong in (dict(negatives="roll", shifts=12), dict(negatives="self_masked", shifts=1)):
        with pytest.raises(ConfigError, match="drift.shifts="):
            drift_loss(x, y, WIDTHS, **wrong)
    with pytest.raises(ConfigError, match="floor"):
        drift_loss(x, y, WIDTHS, floor=-1)
    assert drift_loss(x, y, WIDTHS, groups=12, negatives="roll").loss.isfinite()
