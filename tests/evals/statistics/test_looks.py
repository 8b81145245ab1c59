"""Seeds added at declared looks: the level that pays for looking, and p that may be adjusted as any other."""

import numpy as np
import pytest
import scipy.stats

from fpd_bench.errors import ConfigError
from fpd_bench.evals import statistics as stats

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
    with pytest.raises(ConfigError, match="growing numbers of seeds from 2"):
        stats.constant_level(looks)


def test_more_p_than_looks_are_refused():
    with pytest.raises(ConfigError, match="expected 1 to 3"):
        stats.sequential_p([0.1] * 4, LOOKS)
