"""One-step drafts: each way of drawing a code, noise on embeddings, and an item's noise that no batching changes."""

from types import SimpleNamespace

import pytest
import torch

from fpd_bench.config.fields import choices
from fpd_bench.config.schema import StartConfig
from fpd_bench.distill.drafting import draft_codes, draft_logits, draw_noise, draw_start
from fpd_bench.errors import ConfigError
from fpd_bench.models.perturbation import Perturbation, perturb
from fpd_bench.models.sampling import truncate
from fpd_bench.runs.perform.suite_images import sample_one_step


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("sampling", choices("start.sampling"))
def test_codes_follow_the_law_that_is_asked_for(sampling):
    law = torch.tensor([0.5, 0.3, 0.15, 0.05])
    bench = SimpleNamespace(n_tokens=4000, n_codes=4)
    codes = draft_codes(
        law.log().expand(5, 4000, 4), draw_noise(5, bench, StartConfig(sampling=sampling), draw()),
        StartConfig(sampling=sampling),
    )  # fmt: skip
    expected = torch.tensor([1.0, 0, 0, 0]) if sampling == "argmax" else law
    torch.testing.assert_close(torch.bincount(codes.flatten(), minlength=4) / 20000, expected, atol=0.015, rtol=0)


@pytest.mark.parametrize("sampling", ["categorical", "gumbel"])
@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        (dict(top_k=2), [0.625, 0.375, 0, 0]),
        (dict(top_p=0.9), [0.526, 0.316, 0.158, 0]),
        (dict(top_p=0.1), [1, 0, 0, 0]),
    ],
)
def test_only_the_likeliest_codes_are_drawn(sampling, cut, expected):
    law, bench = torch.tensor([0.5, 0.3, 0.15, 0.05]), SimpleNamespace(n_tokens=4000, n_codes=4)
    config = StartConfig(sampling=sampling, **cut)
    codes = draft_codes(law.log().expand(5, 4000, 4), draw_noise(5, bench, config, draw()), config)
    shares = torch.bincount(codes.flatten(), minlength=4) / 20000
    torch.testing.assert_close(shares, torch.tensor(expected, dtype=torch.float), atol=0.015, rtol=0)
    assert (shares[torch.tensor(expected) == 0] == 0).all()


def test_of_equally_likely_codes_only_as_many_as_asked_for_are_kept():
    kept = truncate(torch.zeros(1, 1, 5), top_k=2).softmax(-1)
    assert sorted(kept.flatten().tolist()) == [0, 0, 0, 0.5, 0.5]


def test_embedding_noise_keeps_the_variance_and_nothing_else():
    embeddings, noise = torch.randn(64, 16, 32, generator=draw(1)), torch.randn(64, 16, 32, generator=draw(2))
    for sigma in (0.1, 0.6):
        moved = perturb(embeddings, Perturbation(noise, sigma))
        assert moved.var().item() == pytest.approx(1, abs=0.02)
        correlation = torch.corrcoef(torch.stack([moved.flatten(), embeddings.flatten()]))[0, 1]
        assert correlation.item() == pytest.approx((1 - sigma**2) ** 0.5, abs=0.02)
    assert perturb(embeddings, None) is embeddings


def test_noise_on_embeddings_reaches_the_students_logits(small_track):
    config = StartConfig(embedding_noise=0.5)
    condition = small_track.suite("validation").condition[:2]
    start = draw_start(2, small_track, config, draw())
    assert torch.equal(start.tokens, draw_start(2, small_track, StartConfig(), draw()).tokens)  # drawn after the tokens
    with torch.no_grad():
        noisy = draft_logits(small_track.teacher, start, condition, config)
        plain = draft_logits(small_track.teacher, type(start)(start.tokens), condition, config)
        calm = draft_logits(
            small_track.teacher,
            type(start)(start.tokens, Perturbation(start.perturbation.noise, 1e-9)),
            condition,
            config,
        )
    assert (noisy - plain).abs().max() > 0.1
    torch.testing.assert_close(calm, plain)


@pytest.mark.parametrize("sampling", choices("start.sampling"))
def test_an_image_has_its_own_noise_in_any_batch(sampling, small_track):
    config = StartConfig(embedding_noise=0.5, sampling=sampling)
    condition = small_track.suite("validation").condition[:3]
    whole = sample_one_step(small_track, small_track.teacher, condition, config, [draw(i) for i in range(3)])
    single = [
        sample_one_step(small_track, small_track.teacher, condition[i : i + 1], config, [draw(i)]) for i in range(3)
    ]
    assert torch.equal(whole, torch.cat(single)) and not torch.equal(whole[0], whole[1])


@pytest.mark.parametrize(
    "config", [StartConfig(embedding_noise=0.5), StartConfig(codes="background", masks="independent")]
)
def test_a_start_of_several_generators_is_that_of_each_alone(small_track, config):
    together = draw_start(3, small_track, config, [draw(n) for n in range(3)])
    for n in range(3):
        alone = draw_start(1, small_track, config, draw(n))
        assert torch.equal(together[n : n + 1].tokens, alone.tokens)
        if config.embedding_noise:
            assert torch.equal(together[n : n + 1].perturbation.noise, alone.perturbation.noise)


def test_networks_that_take_no_noise_are_told():
    bench = SimpleNamespace(name="mine", n_tokens=4, n_codes=4, teacher=object())
    with pytest.raises(ConfigError, match="start.embedding_noise=0.1: the networks of track 'mine' have no `width`"):
        draw_start(1, bench, StartConfig(embedding_noise=0.1), draw())
