"""Masks: exact counts, uniform places, the two laws of the ratio, and z_init of Eq. 4."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fpd_bench.models.masking import draw_damage, draw_masks, draw_ratios, start_tokens


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(0, 99))
def test_exactly_as_many_as_asked_for(counts, seed):
    assert draw_masks(torch.tensor(counts), 9, draw(seed)).sum(1).tolist() == counts


def test_every_place_is_equally_likely():
    share = draw_masks(torch.full((8000,), 3), 8, draw()).float().mean(0)
    assert (share - 3 / 8).abs().max() < 0.03


@given(st.floats(0.001, 1.0), st.integers(1, 40))
def test_the_start_has_its_share_of_masks_and_codes_elsewhere(r_init, tokens):
    start = start_tokens(3, tokens, 7, r_init, draw())
    assert ((start == 7).sum(1) == max(1, round(r_init * tokens))).all()
    assert start.min() >= 0 and start.max() <= 7 and start.shape == (3, tokens)


def test_the_cosine_law_is_that_of_a_cosine_schedule():
    """P(cos(pi u / 2) < x) = 1 - 2 arccos(x) / pi."""
    ratios = draw_ratios(20000, "cosine", 0, 1, draw())
    for x in (0.1, 0.5, 0.9):
        assert (ratios < x).float().mean().item() == pytest.approx(1 - 2 * math.acos(x) / math.pi, abs=0.015)


def test_a_full_start_is_all_masks_and_starts_differ():
    assert (start_tokens(2, 5, 7, 1.0, draw()) == 7).all()
    generator = draw()
    first, second = (start_tokens(1, 16, 50, 0.5, generator) for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(first, start_tokens(1, 16, 50, 0.5, draw()))


def test_the_codes_of_a_start_are_uniform():
    start = start_tokens(4000, 4, 5, 0.25, draw())
    shares = torch.bincount(start[start < 5], minlength=5) / (start < 5).sum()
    assert (shares - 0.2).abs().max() < 0.02


def test_uniform_ratios_fill_their_range():
    ratios = draw_ratios(4000, "uniform", 0.2, 0.6, draw())
    assert 0.2 <= ratios.min() < 0.21 and 0.59 < ratios.max() <= 0.6
    assert ratios.mean() == pytest.approx(0.4, abs=0.01)


def test_arccos_ratios_follow_the_teachers_schedule():
    """P(r <= x) = P(u >= cos(pi x / 2)) = 1 - cos(pi x / 2); low and high are not read."""
    ratios = draw_ratios(8000, "arccos", 0.4, 0.5, draw())
    for x in (0.2, 0.5, 0.9):
        assert (ratios <= x).float().mean() == pytest.approx(1 - math.cos(math.pi * x / 2), abs=0.02)


def test_damage_hides_the_rounded_share_and_never_nothing_or_too_much():
    ratios = torch.tensor([0.0, 0.01, 0.26, 0.5, 0.99, 1.0])
    assert draw_damage(ratios, 10, draw()).sum(1).tolist() == [1, 1, 3, 5, 10, 10]
