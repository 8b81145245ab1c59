"""One interval and one p: what they are made of, and that they are the textbook's where the textbook has an answer."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from fpd_bench.evals import statistics as stats
from fpd_bench.evals.statistics import crossed, quantile
from tests.evals.statistics.tables import of_seeds, simulate


def variances(values):
    """The mean squares of a balanced two-way table [S, P], from their definitions."""
    grand, by_seed, by_prompt = values.mean(), values.mean(axis=1), values.mean(axis=0)
    rest = values - by_seed[:, None] - by_prompt[None] + grand
    s, p = values.shape
    return by_seed.var(ddof=1) / s, by_prompt.var(ddof=1) / p, (rest**2).sum() / ((s - 1) * (p - 1)) / s / p


def test_one_stratum_has_the_variances_of_a_two_way_table():
    values = np.random.default_rng(0).normal(size=(4, 9))
    found = crossed.variance_parts(values, np.full(9, 1 / 9), np.zeros(9, dtype=int))
    seeds, prompts, rest = variances(values)
    assert (found.seeds, found.prompts[0], found.rest[0]) == pytest.approx((seeds, prompts, rest))
    mean = crossed.combine_parts(found)
    assert (mean.by_seeds, mean.by_prompts) == pytest.approx((seeds, max(prompts - rest, 0)))


def test_tasks_of_unequal_sizes_count_by_the_square_of_their_prompts_weights():
    values = np.random.default_rng(1).normal(size=(3, 10))
    strata = np.array([0] * 4 + [1] * 6)
    weights = np.where(strata == 0, 1 / 8, 1 / 12)
    found = crossed.variance_parts(values, weights, strata)
    for stratum, inside in ((0, slice(0, 4)), (1, slice(4, 10))):
        _, prompts, rest = variances(values[:, inside])
        assert (found.prompts[stratum], found.rest[stratum]) == pytest.approx((prompts / 4, rest / 4))


def test_many_tables_at_once_are_the_same_as_one_at_a_time():
    values = np.random.default_rng(2).normal(size=(5, 2, 3, 8))
    weights, strata = np.full(8, 1 / 8), np.repeat([0, 1], 4)
    together = crossed.mean(values, weights, strata)
    alone = crossed.mean(values[3, 1], weights, strata)
    assert together.half_width()[3, 1] == pytest.approx(float(alone.half_width()))


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 8), st.integers(2, 30), st.floats(-0.3, 0.3), st.floats(0, 0.2), st.integers(0, 10**6))
def test_the_interval_excludes_zero_exactly_when_p_is_below_a_twentieth(seeds, prompts, shift, seed_sd, seed):
    rng = np.random.default_rng(seed)
    values = shift + rng.normal(0, 0.2, (seeds, prompts, 1)) + rng.normal(0, seed_sd, (seeds, 1, 1))
    names = tuple(map(str, range(prompts)))
    a = stats.Scores(values, tuple(range(seeds)), names, ("counting",) * prompts)
    b = stats.Scores(0 * values, a.seeds, names, a.tasks)
    found = stats.compare(a, b)
    assert found.difference.excludes(0.0) == (found.p < 0.05)
    assert found.turned().p == found.p and found.turned().difference.value == -found.difference.value
    assert found.difference.high - found.difference.value >= 0.999 * student(found.per_seed)


def student(per_seed):
    """Half of Student's interval over seeds: no difference is surer than its seeds."""
    n = len(per_seed)
    return scipy.stats.t.ppf(0.975, n - 1) * np.std(per_seed, ddof=1) / np.sqrt(n)


def test_where_only_seeds_vary_it_is_the_paired_t_test():
    gaps = [0.05, 0.02, 0.06, -0.01]
    found = stats.compare(of_seeds(gaps), of_seeds([0.0] * 4))
    reference = scipy.stats.ttest_1samp(gaps, 0)
    assert found.p == pytest.approx(reference.pvalue)
    ends = reference.confidence_interval(0.95)
    assert (found.difference.low, found.difference.high) == pytest.approx((ends.low, ends.high))
    whole = stats.compare_set_metrics(dict(enumerate(gaps)), dict.fromkeys(range(4), 0.0))
    assert (whole.p, whole.difference) == (pytest.approx(found.p), found.difference)


def test_where_seeds_agree_it_is_students_t_over_prompts():
    by_prompt = np.random.default_rng(3).normal(0.1, 0.2, 30)
    values = np.repeat(by_prompt[None, :, None], 3, axis=0)
    row = stats.Scores(values, (0, 1, 2), tuple(map(str, range(30))), ("counting",) * 30)
    zero = stats.Scores(0 * values, row.seeds, row.prompts, row.tasks)
    assert stats.compare(row, zero).p == pytest.approx(scipy.stats.ttest_1samp(by_prompt, 0).pvalue)


def test_the_quantile_of_two_parts_averages_theirs_and_is_never_below_that_of_seeds():
    seeds, prompts = (scipy.stats.t.ppf(0.975, d) for d in (4, 40))
    assert quantile.critical(0.5, 4, 40, 0.05) == pytest.approx(0.25 * seeds + 0.75 * prompts)
    assert quantile.critical(0.9, 2, 40, 0.05) == pytest.approx(np.sqrt(0.9) * scipy.stats.t.ppf(0.975, 2))


def test_p_is_the_level_at_which_the_quantile_is_reached():
    for t, share, seeds, prompts in ((2.5, 0.5, 2, 40), (9.0, 0.9, 2, 40), (1.0, 0.1, 4, 7)):
        p = quantile.two_sided(t, share, seeds, prompts)
        assert quantile.critical(share, seeds, prompts, p) == pytest.approx(t)
    assert quantile.two_sided([0.0, np.inf], 0.5, 2, 40) == pytest.approx([1.0, 0.0])


def test_pairing_narrows_the_interval_of_a_difference():
    rng = np.random.default_rng(1)
    prompts, noise = rng.uniform(-0.25, 0.25, size=240), rng.uniform(size=(3, 240, 4))
    a = simulate(rng, 3, shift=0.05, seed_sd=0.0, prompts=prompts, noise=noise)
    b = simulate(rng, 3, seed_sd=0.0, prompts=prompts, noise=noise)
    paired = stats.compare(a, b).difference
    unpaired = np.hypot(*(one.high - one.low for one in map(stats.score, (a, b))))
    assert paired.high - paired.low < 0.5 * unpaired
    assert paired.value == pytest.approx(float(a.per_seed.mean() - b.per_seed.mean()))
    assert paired.low > 0


def test_equal_rows_differ_by_nothing():
    scores = simulate(np.random.default_rng(2))
    found = stats.compare(scores, scores)
    assert (found.difference.value, found.difference.low, found.difference.high, found.p) == (0, 0, 0, 1.0)


def test_one_seed_has_an_interval_of_prompts_and_no_p():
    rng = np.random.default_rng(4)
    a, b = simulate(rng, 1, shift=0.2), simulate(rng, 1)
    found = stats.compare(a, b)
    assert found.p is None and found.difference.low > 0
    assert stats.judge_claim(found, 1, 0.0, found.p) == "not tested"
