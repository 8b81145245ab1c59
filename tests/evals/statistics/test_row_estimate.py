"""Intervals of rows: inside the range of scores, and about differences of two sets of prompts."""

import numpy as np
import pytest
import scipy.stats

from fpd_bench.evals import statistics as stats
from fpd_bench.evals.statistics.mean import Mean
from fpd_bench.evals.statistics.row_estimate import proportion
from tests.evals.statistics.tables import simulate


def test_a_proportion_of_independent_images_has_wilsons_interval():
    share, n, many = np.float64(0.3), 50, np.float64(1e9)
    found = Mean(share, np.float64(0), share * (1 - share) / n, np.float64(0), many)
    reference = scipy.stats.binomtest(15, n).proportion_ci(0.95, method="wilson")
    assert proportion(found, prompts=7) == pytest.approx((reference.low, reference.high))


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_where_all_images_agree_the_prompts_say_how_sure_that_is(score):
    scores = stats.Scores(np.full((3, 20, 4), score), (0, 1, 2), tuple(map(str, range(20))), ("counting",) * 20)
    found = stats.score(scores)
    reference = scipy.stats.binomtest(int(20 * score), 20).proportion_ci(0.95, method="wilson")
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=1e-9)
    assert found.value == score and found.low <= score <= found.high


def test_scores_in_the_unit_interval_have_intervals_in_it_and_others_need_not():
    rng = np.random.default_rng(0)
    nearly_none = simulate(rng, 3, per_task=4, shift=-0.5)
    found = stats.score(nearly_none)
    assert 0 <= found.low <= found.value <= found.high <= 1
    below = stats.Scores(nearly_none.values - 0.1, nearly_none.seeds, nearly_none.prompts, nearly_none.tasks)
    assert stats.score(below).low < 0


def test_the_gap_between_two_sets_of_prompts_covers_the_truth_and_pairs_the_seeds():
    rng, hits, widths = np.random.default_rng(8), 0, []
    for _ in range(200):
        scores = simulate(rng, 5, per_task=40, seed_sd=0.05)
        halves = [scores.of_prompts([f"{i:04d}" for i in range(240) if i % 2 == k]) for k in (0, 1)]
        found = stats.gap(*halves)
        hits += not found.excludes(0)
        alone = [stats.score(half) for half in halves]
        widths.append((found.high - found.low) / sum(one.high - one.low for one in alone))
    assert 0.92 <= hits / 200 <= 0.99
    assert np.mean(widths) < 0.75  # what the halves' seeds share drops out


def test_one_number_a_seed_has_students_interval_and_a_single_one_no_bounds():
    values = [6.9, 7.4, 7.0]
    found = stats.set_metric_score(values)
    reference = scipy.stats.ttest_1samp(values, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high))
    assert stats.set_metric_score([7.0]) == stats.Estimate(7.0, -np.inf, np.inf)
