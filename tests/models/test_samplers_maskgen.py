"""MaskGen's published sampler: the recorded trace replays exactly, and what the original cannot do is defined."""

import pytest
import torch

from fpd_bench.errors import ConfigError, UnknownName
from fpd_bench.models import maskgen_sampler
from fpd_bench.models.maskgen_sampler import MaskGenSampling, TextCondition, item_uniform, masked_after


@pytest.fixture(scope="module")
def golden(golden_of):
    return golden_of("maskgen")


@pytest.fixture
def model(small_maskgen):
    return small_maskgen


def generators(n, first=0):
    """n generators, one per image."""
    return [torch.Generator().manual_seed(first + i) for i in range(n)]


def sample(golden, model, settings, uniform, start=None, items=slice(None)):
    shape = golden.config["model"]["vq_model"]
    prompt = TextCondition(golden["io.text_hidden_penultimate"][items], golden["io.text_pooled"][items])
    empty = TextCondition(golden["io.uncond_hidden"], golden["io.uncond_pooled"])
    if start is None:
        start = torch.full((len(prompt.text), shape["num_latent_tokens"]), shape["codebook_size"])
    return maskgen_sampler.sample(model, prompt, empty, start, shape["codebook_size"], settings, uniform)


def test_trace_replays_to_the_same_codes(golden, model, trace_checker):
    k = golden.config["generate_kwargs"]
    settings = MaskGenSampling(
        steps=k["num_sample_steps"],
        guidance=k["guidance_scale"],
        decay=k["guidance_decay"],
        decay_power=k["guidance_decay_scale_pow"],
        temperature=k["randomize_temperature"],
        anneal_softmax=k["softmax_temperature_annealing"],
        noisy_order=k["prob_sorting"],
        score=golden.config["model"]["maskgen"]["sample_aesthetic_score"],
    )
    checked = trace_checker(model, golden, "model_in_ids_2B")

    def uniform(size):
        kind = "token" if len(size) == 3 else "confidence"
        drawn = golden[f"trace.{checked.calls - 1}.uniform_for_{kind}_gumbel"]
        assert drawn.shape == size
        return drawn

    assert torch.equal(sample(golden, checked, settings, uniform), golden["trace.final_ids"])
    assert checked.calls == settings.steps


def test_counts_of_the_published_setting():
    expected = [122, 117, 112, 107, 102, 96, 91, 85, 79, 72, 66, 58, 50, 41, 28, 0]
    assert masked_after(128, 16) == expected


def test_masks_as_many_tokens_as_announced(golden, model):
    seen, batch, length = [], *golden["io.input_ids"].shape

    def spy(tokens, *condition):
        seen.append((tokens == model.shape.codes).sum(1).unique().tolist())
        return model(tokens, *condition)

    sample(golden, spy, MaskGenSampling(steps=5), item_uniform(generators(batch)))
    assert seen == [[n] for n in [length, *masked_after(length, 5)[:-1]]]


def test_one_step_is_a_guided_argmax(golden, model):
    batch = len(golden["io.input_ids"])
    ids = sample(golden, model, MaskGenSampling(steps=1, guidance=3.0), item_uniform(generators(batch)))
    start = torch.full_like(ids, model.shape.codes)
    score = torch.full((batch,), 6.5)
    with torch.no_grad():
        c = model(start, golden["io.text_hidden_penultimate"], golden["io.text_pooled"], score)
        u = model(
            start,
            golden["io.uncond_hidden"].expand(batch, -1, -1),
            golden["io.uncond_pooled"].expand(batch, 1, -1),
            score,
        )
    assert torch.equal(ids, (c + 3 * (c - u)).argmax(-1))


@pytest.mark.parametrize(
    "decay, first, last",
    [
        ("cosine", 1 + 11 * 0.146447, 12.0),
        ("linear", 1 + 11 / 4, 12.0),
        ("none", 12.0, 12.0),
        ("flippedcosine", 1 + 11 * 0.353553, 1 - 11 / 2),
    ],
)
def test_guidance_over_the_steps(decay, first, last):
    settings = MaskGenSampling(steps=4, decay=decay)
    assert settings.guidance_at(0.25) == pytest.approx(first, abs=1e-4)
    assert settings.guidance_at(1.0) == pytest.approx(last, abs=1e-4)


@pytest.mark.parametrize(
    "change", [{}, {"anneal_softmax": False}, {"noisy_order": False}, {"guidance": 0, "decay": "none"}]
)
def test_fills_everything_and_keeps_what_was_visible(golden, model, change):
    start = golden["io.input_ids"].clone()
    start[0] = 1  # nothing left to do for the first image
    settings = MaskGenSampling(steps=3, **change)
    ids = sample(golden, model, settings, item_uniform(generators(len(start))), start)
    visible = start < model.shape.codes
    assert torch.equal(ids[visible], start[visible])
    assert ids.max() < model.shape.codes


def test_an_image_does_not_depend_on_its_batch(golden, model):
    settings, batch = MaskGenSampling(steps=4), len(golden["io.input_ids"])
    together = sample(golden, model, settings, item_uniform(generators(batch, first=5)))
    alone = [
        sample(golden, model, settings, item_uniform(generators(1, first=5 + i)), items=slice(i, i + 1))
        for i in range(batch)
    ]
    assert torch.equal(together, torch.cat(alone))


def test_settings_are_checked(golden, model):
    with pytest.raises(UnknownName, match="guidance decay 'cos'"):
        MaskGenSampling(decay="cos")
    with pytest.raises(UnknownName, match="sampling schedule 'x'"):
        MaskGenSampling(schedule="x")
    with pytest.raises(ConfigError, match="at least 1 step; got -1"):
        MaskGenSampling(steps=-1)
    with pytest.raises(ConfigError, match="2 generators cannot serve a batch of"):
        sample(golden, model, MaskGenSampling(), item_uniform(generators(2)))
