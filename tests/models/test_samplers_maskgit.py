"""MaskGIT's published sampler: the recorded trace replays exactly, and what the original cannot do is defined."""

from dataclasses import replace

import pytest
import torch

from fpd_bench.errors import ConfigError, UnknownName
from fpd_bench.models import maskgit_sampler
from fpd_bench.models.maskgit_sampler import SCHEDULES, ItemDraws, MaskGitSampling, reveal_counts


@pytest.fixture(scope="module")
def golden(golden_of):
    return golden_of("maskgit")


@pytest.fixture
def model(small_maskgit):
    return small_maskgit


def generators(n, first=0):
    """n generators, one per image."""
    return [torch.Generator().manual_seed(first + i) for i in range(n)]


class Replay:
    """The random numbers of the recorded run."""

    def __init__(self, golden):
        self.golden, self.step = golden, -1

    def codes(self, probabilities):
        self.step += 1
        return self.golden[f"trace.{self.step}.pred_code"]

    def gumbel(self, like):
        return self.golden[f"trace.{self.step}.gumbel_np_float64"]


def recorded_settings(golden):
    s = golden.config["sampler"]
    return MaskGitSampling(
        steps=s["step"],
        guidance=s["w"],
        schedule=s["sched_mode"],
        order=s["randomize"],
        gumbel_temperature=s["r_temp"],
        softmax_scale=s["sm_temp"],
    )


def sample(model, labels, settings, draws, start=None):
    shape = model.shape
    if start is None:
        start = torch.full((len(labels), shape.tokens), shape.codes)
    return maskgit_sampler.sample(model, labels, start, shape.codes, settings, draws)


def test_trace_replays_to_the_same_image(golden, model, small_vqgan, trace_checker):
    checked = trace_checker(model, golden, "model_in_code_2B")
    labels, shape = golden["in.y"], model.shape
    start = torch.full((len(labels), shape.tokens), shape.codes)
    codes = maskgit_sampler.sample(checked, labels, start, shape.codes, recorded_settings(golden), Replay(golden))
    assert checked.calls == golden.config["sampler"]["step"]
    golden.check(small_vqgan.decode_codes(codes), "trace.final_image")


def test_every_published_schedule(golden):
    names = [name for name in golden.tensors if name.startswith("sched16x16.")]
    assert {name.split(".")[1] for name in names} == set(SCHEDULES)
    for name in names:
        _, mode, steps = name.split(".")
        assert reveal_counts(256, int(steps), mode) == golden[name].tolist(), name


@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
def test_one_step_reveals_everything(schedule):
    assert reveal_counts(256, 1, schedule) == [256]


def test_steps_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="300 steps of schedule 'arccos' do not fit 256 tokens"):
        reveal_counts(256, 300, "arccos")
    with pytest.raises(ConfigError, match="at least 1 step; got 0"):
        MaskGitSampling(steps=0)
    with pytest.raises(UnknownName, match="Did you mean 'arccos'"):
        MaskGitSampling(schedule="arcos")
    with pytest.raises(UnknownName, match="sampling order 'lin'"):
        MaskGitSampling(order="lin")


class Greedy:
    """No randomness; keeps the probabilities of every step."""

    def __init__(self):
        self.seen = []

    def codes(self, probabilities):
        self.seen.append(probabilities)
        return probabilities.argmax(-1)

    def gumbel(self, like):
        return torch.zeros_like(like)


@pytest.mark.parametrize(
    "settings, w",
    [
        (MaskGitSampling(steps=1, guidance=2.0, softmax_scale=2.0), 2.0),  # nothing to ramp: all of w acts
        (MaskGitSampling(steps=3, guidance=2.0, softmax_scale=2.0), 0.0),  # the ramp starts at 0
        (MaskGitSampling(steps=3, guidance=2.0, softmax_scale=2.0, ramp=False), 2.0),
    ],
)
def test_guidance_of_the_first_step(golden, model, settings, w):
    labels, draws = golden["in.y"], Greedy()
    codes = sample(model, labels, settings, draws)
    start = torch.full((len(labels), model.shape.tokens), model.shape.codes)
    with torch.no_grad():
        c = model(start, labels)
        u = model(start, labels, torch.ones(len(labels), dtype=torch.bool))
    expected = (2 * ((1 + w) * c - w * u)).softmax(-1)
    torch.testing.assert_close(draws.seen[0], expected)
    assert len(draws.seen) == settings.steps
    if settings.steps == 1:
        assert torch.equal(codes, expected.argmax(-1).clamp(max=model.shape.codes - 1))


@pytest.mark.parametrize("order", maskgit_sampler.ORDERS)
@pytest.mark.parametrize("steps, guidance", [(1, 0.0), (3, 3.0)])
def test_every_order_fills_the_grid_and_keeps_what_was_visible(golden, model, order, steps, guidance):
    start = golden["in.code"].flatten(1)
    settings = MaskGitSampling(steps=steps, guidance=guidance, order=order)
    codes = sample(model, golden["in.y"], settings, ItemDraws(generators(len(start))), start)
    visible = start < model.shape.codes
    assert torch.equal(codes[visible], start[visible])
    assert codes.min() >= 0 and codes.max() < model.shape.codes


def test_an_image_does_not_depend_on_its_batch(golden, model):
    labels, settings = golden["in.y"], MaskGitSampling(steps=4)
    together = sample(model, labels, settings, ItemDraws(generators(len(labels), first=5)))
    alone = [
        sample(model, labels[i : i + 1], settings, ItemDraws(generators(1, first=5 + i))) for i in range(len(labels))
    ]
    assert torch.equal(together, torch.cat(alone))
    others = sample(model, labels, settings, ItemDraws(generators(len(labels), first=99)))
    assert not torch.equal(together, others)


def test_a_drawn_mask_id_becomes_the_last_code_or_is_forbidden():
    def loves_the_mask(codes, labels, dropped):
        return torch.tensor([0.0, 0.0, 0.0, 50.0]).expand(*codes.shape, 4)

    start, settings = torch.full((1, 9), 3), MaskGitSampling(steps=2, guidance=0.0)
    run = [start, 3, settings, ItemDraws(generators(1))]
    assert torch.equal(maskgit_sampler.sample(loves_the_mask, torch.zeros(1), *run), torch.full((1, 9), 2))
    run[2] = replace(settings, allow_mask=False)
    assert len(maskgit_sampler.sample(loves_the_mask, torch.zeros(1), *run).unique()) > 1
