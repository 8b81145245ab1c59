"""Diversity beside a score: known cases, invariances, and what is refused."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fpd_bench.errors import ConfigError
from fpd_bench.evals.diversity import Diversity, collapsed, diversity, share_of, vendi

CODES = arrays(np.int64, st.tuples(st.integers(2, 6), st.integers(1, 5)), elements=st.integers(0, 3))


def test_by_hand():
    found = diversity({"a": np.array([[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 0, 0]]), "b": np.array([[0] * 4, [9] * 4])})
    assert found.differ == pytest.approx(((0 + 0.5 + 0.5) / 3 + 1) / 2)
    assert found.same == pytest.approx((1 / 3 + 0) / 2)
    assert (found.distinct, found.images) == (2.0, 2)


def test_one_picture_a_prompt_is_collapse():
    one = diversity([np.tile([4, 5, 6], (3, 1))])
    assert one == Diversity(0.0, 1.0, 1.0, 3)
    assert collapsed(one, Diversity(0.5, 0.28, 3.0, 4)) and not collapsed(
        one.__class__(0.3, 0, 3, 4), Diversity(0.5, 0, 3, 4)
    )


@given(CODES, st.randoms())
def test_neither_order_nor_names_matter(codes, random):
    order, names = list(range(len(codes))), [3, 1, 0, 2]
    random.shuffle(order)
    found, again = diversity([codes]), diversity([np.array(names)[codes[order]]])
    assert (found.same, found.distinct) == (pytest.approx(again.same), again.distinct)
    assert found.differ == pytest.approx(again.differ)


@given(CODES)
def test_bounds(codes):
    found = diversity([codes])
    assert 0 <= found.differ <= 1 and 0 <= found.same <= 1 and 1 <= found.distinct <= len(codes)
    assert (found.distinct == 1) == (found.same == 1) == (found.differ == 0)


@given(CODES)
def test_synonyms_hide_layouts(codes):
    """Codes differ at least as often as what they show."""
    assert diversity([codes]).differ >= diversity([codes // 2]).differ


def test_shares_of_the_teacher():
    assert share_of(Diversity(0.4, 0.2, 3, 4), Diversity(0.5, 0.3, 3, 4)) == pytest.approx(0.8)
    with pytest.raises(ConfigError, match="images of a prompt do not differ"):
        share_of(Diversity(0.4, 0.2, 3, 4), Diversity(0, 1, 1, 4))


@pytest.mark.parametrize("codes", [np.zeros((1, 4), int), np.zeros(4, int)])
def test_a_single_picture_has_no_diversity(codes):
    with pytest.raises(ConfigError, match="Raise evaluation.images_per_prompt"):
        diversity([codes])
    with pytest.raises(ConfigError, match="at least one prompt"):
        diversity([])


def test_it_needs_no_torch():
    code = "import sys, fpd_bench.evals.diversity; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_the_vendi_score_counts_pictures_that_have_nothing_in_common():
    one, other = np.array([1.0, 0.0, 0.0]), np.array([0.0, 2.0, 0.0])
    assert vendi(np.stack([one, 3 * one, one])) == pytest.approx(1)
    assert vendi(np.stack([one, other])) == pytest.approx(2)
    assert vendi(np.stack([one, other, other])) == pytest.approx(
        np.exp(-(1 / 3 * np.log(1 / 3) + 2 / 3 * np.log(2 / 3)))
    )


def test_one_picture_has_no_vendi_score():
    with pytest.raises(ConfigError, match="images_per_prompt"):
        vendi(np.ones((1, 3)))
