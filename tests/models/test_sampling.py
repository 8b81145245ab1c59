"""Drawing tokens: the right law, the item's own noise, and the confidence sampler's bookkeeping."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fpd_bench.models.sampling import (
    first_arrival,
    guide,
    keyed_categorical,
    reveal_counts,
    sample_by_confidence,
    waiting_times,
)

PROBABILITIES = torch.tensor([0.5, 0.3, 0.15, 0.05])


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def categorical(logits, temperature=1.0):
    return first_arrival(logits, waiting_times(logits.shape, draw()), temperature)


@given(st.integers(1, 300), st.integers(1, 80))
def test_every_token_is_revealed_once_and_every_step_reveals_some(tokens, steps):
    counts = reveal_counts(tokens, steps)
    assert sum(counts) == tokens and min(counts) >= 1 and len(counts) == min(steps, tokens)


def test_one_step_reveals_all_and_few_come_first():
    assert reveal_counts(16, 1) == [16]
    assert reveal_counts(16, 16) == [1] * 16
    counts = reveal_counts(256, 8)
    assert counts[0] < counts[-1]


def test_codes_follow_the_law_of_the_logits():
    many = PROBABILITIES.log().expand(20, 1000, 4)
    uniforms = torch.rand(20, 1000, generator=draw())
    for codes in (categorical(many), keyed_categorical(many, uniforms)):
        shares = torch.bincount(codes.flatten(), minlength=4) / codes.numel()
        torch.testing.assert_close(shares, PROBABILITIES, atol=0.015, rtol=0)


def test_temperature_sharpens_and_zero_takes_the_best():
    logits = PROBABILITIES.log().expand(4, 500, 4)
    assert (first_arrival(logits, None) == 0).all()
    assert (categorical(logits, 0.2) == 0).float().mean() > 0.9


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-24, 1.0])
def test_the_ends_of_the_uniform_are_codes(uniform):
    logits = torch.tensor([[[0.0, 1.0, -200.0]]])
    code = keyed_categorical(logits, torch.tensor([[uniform]]))
    assert code.item() in (0, 1)


def test_guidance_moves_away_from_the_unconditional():
    conditional, unconditional = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 3.0])
    assert torch.equal(guide(conditional, unconditional, 0.0), conditional)
    assert torch.equal(guide(conditional, unconditional, 2.0), torch.tensor([3.0, 0.0]))


TABLE = torch.randn(9, 7, 8, generator=draw(3))  # logits by token seen (8 = mask) and position


def network(calls):
    def logits(tokens):
        calls.append(tokens.clone())
        return TABLE[tokens, torch.arange(7)] + 0.1 * (tokens == 8).sum(1)[:, None, None]

    return logits


def sample(seeds, steps=4, guidance=1.0, noise=2.0, calls=None, others=None):
    generators = [draw(seed) for seed in seeds]
    shape = (len(seeds), 7, 8)
    conditional, unconditional = (network([] if c is None else c) for c in (calls, others))
    return sample_by_confidence(conditional, unconditional, shape, steps, guidance, noise, generators)


def test_each_item_has_its_own_noise_whatever_it_is_batched_with():
    whole = sample([0, 1, 2, 3])
    assert torch.equal(sample([3, 1]), whole[[3, 1]]) and torch.equal(sample([2]), whole[[2]])
    assert not torch.equal(whole[0], whole[1])


@pytest.mark.parametrize("steps", [1, 3, 7, 50])
def test_all_tokens_are_codes_and_what_is_kept_stays(steps):
    calls = []
    codes = sample([0, 1], steps=steps, calls=calls)
    assert codes.max() < 8 and len(calls) == min(steps, 7)
    hidden = [(tokens == 8).sum(1).tolist() for tokens in calls]
    counts = reveal_counts(7, steps)
    assert hidden == [[7 - sum(counts[:i])] * 2 for i in range(len(counts))]
    for tokens in calls:
        seen = tokens != 8
        assert torch.equal(tokens[seen], codes[seen])


def test_guidance_ramps_up_from_nothing():
    calls, others = [], []
    sample([0], steps=4, calls=calls, others=others)
    assert len(calls) == 4 and len(others) == 3  # the first step is unguided, and costs one call
    others.clear()
    sample([0], steps=4, guidance=0.0, others=others)
    sample([0], steps=1, others=others)
    assert others == []
