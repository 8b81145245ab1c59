"""Seeds added at declared looks: the level that pays for looking, and p that may be adjusted as any other."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from fpd_bench.errors import ConfigError
from fpd_bench.evals import statistics as stats
from tests.evals.statistics.tables import of_seeds

LOOKS = (3, 5, 8)


@pytest.mark.parametrize(("looks", "level"), [((3, 5), 0.0281), (LOOKS, 0.0199), ((3, 5, 7, 10), 0.0163), ((4,), 0.05)])
def test_the_constant_level_is_what_other_simulations_found(looks, level):
    assert stats.constant_level(looks) == pytest.approx(level, rel=0.02)


def test_looking_three_times_is_false_in_a_twentieth_of_claims():
    values = np.random.default_rng(5).normal(size=(20_000, 8))
    p = np.stack([scipy.stats.ttest_1samp(values[:, :n], 0, axis=1).pvalue for n in LOOKS])
    found = [stats.sequential_p(path, LOOKS) for path in p.T]
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.005)
    assert np.mean(p.min(axis=0) < 0.05) > 0.1  # without the constant level


def test_a_claim_once_decided_stays_decided():
    paths = np.random.default_rng(6).uniform(size=(50, 3)) ** 3
    for path in paths:
        sofar = [stats.sequential_p(path[:n], LOOKS) for n in (1, 2, 3)]
        assert sofar == sorted(sofar, reverse=True)
        assert path.min() <= sofar[-1] <= min(1, 3 * path.min())


def test_the_level_and_p_agree():
    level = stats.constant_level(LOOKS)
    assert stats.sequential_p([0.5, level * 0.99], LOOKS) < 0.05 <= stats.sequential_p([0.5, level * 1.01], LOOKS)


@pytest.mark.parametrize("looks", [(), (1, 3), (3, 3), (5, 3)])
def test_looks_that_do_not_grow_are_refused(looks):
    with pytest.raises(ConfigError, match="increasing numbers of seeds, the first 2 or more"):
        stats.constant_level(looks)


def test_more_p_than_looks_are_refused():
    with pytest.raises(ConfigError, match="expected 1 to 3"):
        stats.sequential_p([0.1] * 4, LOOKS)


@given(st.lists(st.floats(-0.2, 0.2), min_size=8, max_size=8), st.integers(1, 3))
def test_the_interval_of_several_looks_excludes_zero_exactly_when_their_p_is_small(gaps, looked):
    ours = stats.over_looks(
        [stats.compare(of_seeds(gaps[:look]), of_seeds([0.0] * look)) for look in LOOKS[:looked]], LOOKS
    )
    assert ours.difference.excludes(0.0) == (ours.p < stats.ALPHA)
    turned = ours.turned()
    assert turned.p == ours.p and turned.difference.value == -ours.difference.value


def test_a_claim_that_an_early_look_decided_stays_decided_with_its_own_interval():
    sure, then_lost = [0.1, 0.101, 0.099], [0.1, 0.101, 0.099, -0.4, 0.3]
    early, late = (stats.compare(of_seeds(gaps), of_seeds([0.0] * len(gaps))) for gaps in (sure, then_lost))
    ours = stats.over_looks([early, late], LOOKS)
    assert late.p > stats.ALPHA > ours.p
    assert ours.difference.value == early.difference.value and ours.per_seed == late.per_seed
    assert (
        stats.judge_claim(ours, 1, 0.0, ours.p) == "reproduced"
        and stats.judge_claim(ours, -1, 0.0, ours.p) == "contradicted"
    )


def test_looks_cost_level():
    ours = stats.compare(of_seeds([0.1, 0.12, 0.07]), of_seeds([0.0] * 3))
    looked = stats.over_looks([ours], LOOKS)
    assert looked.p > ours.p and looked.difference.low < ours.difference.low


def test_more_comparisons_than_looks_are_refused():
    one = stats.compare(of_seeds([0.1, 0.2]), of_seeds([0.0, 0.0]))
    with pytest.raises(ConfigError, match="expected 1 to 1"):
        stats.over_looks([one, one], [2])
    with pytest.raises(ConfigError, match="0 comparisons"):
        stats.over_looks([], [2])
    assert stats.over_looks([one, one], [2, 3]).looks == (2, 3)  # the last look is one of them
