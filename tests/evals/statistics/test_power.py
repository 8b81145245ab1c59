"""What a table could have seen: power, seeds needed, noise, what single published runs are worth, and a new seed."""

import numpy as np
import pytest
import scipy.stats

from fpd_bench.evals import statistics as stats
from fpd_bench.evals.statistics import crossed, floor, power
from fpd_bench.evals.statistics.published_worth import worth_of_single_runs
from tests.evals.statistics.tables import of_seeds, simulate

ONLY_SEEDS = power.Noise(seeds=0.03**2, prompts=0.0, d_prompts=0.0)
BOTH = power.Noise(seeds=0.03**2, prompts=0.01**2, d_prompts=40.0)


def test_the_power_of_seeds_alone_is_that_of_the_paired_t_test():
    for n, gap in ((3, 0.1), (5, 0.05), (8, 0.03)):
        centre = gap / (0.03 / np.sqrt(n))
        reference = scipy.stats.nct.sf(scipy.stats.t.ppf(0.975, n - 1), n - 1, centre)
        assert power.power(gap, ONLY_SEEDS, n) == pytest.approx(reference)


@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_the_detectable_gap_is_found_in_four_tables_of_five(seeds):
    gap, rng = power.detectable_gap(BOTH, seeds, alpha=0.05 / 4), np.random.default_rng(seeds)
    prompts = rng.normal(0, 0.01 * np.sqrt(41), (4000, 1, 41))
    values = gap + prompts + rng.normal(0, 0.03, (4000, seeds, 1))
    found = crossed.mean(values, np.full(41, 1 / 41), np.zeros(41, dtype=int))
    assert found.rejects(0.0, 0.05 / 4).mean() == pytest.approx(0.8, abs=0.04)


def test_the_seeds_needed_reach_the_power_and_one_fewer_does_not():
    needed = power.seeds_needed(0.04, BOTH, alpha=0.05 / 4)
    assert power.power(0.04, BOTH, needed, 0.05 / 4) >= 0.8 > power.power(0.04, BOTH, needed - 1, 0.05 / 4)
    assert power.seeds_needed(0.01, BOTH) is None  # no number of seeds: the prompts alone are too few
    assert power.observable_gap(BOTH, 8) < power.detectable_gap(BOTH, 8) < power.detectable_gap(BOTH, 3)


def test_the_noise_of_several_differences_is_their_mean():
    gaps = [stats.compare(of_seeds(row), of_seeds([0.0] * 3)) for row in ([0.1, 0.2, 0.3], [0.0, 0.0, 0.3])]
    assert power.Noise.of(gaps).seeds == pytest.approx((0.01 + 0.03) / 2)


def test_the_noise_of_prompts_keeps_its_degrees_of_freedom():
    rng = np.random.default_rng(1)
    gaps = [stats.compare(simulate(rng), simulate(rng)) for _ in range(2)]
    assert power.Noise.of(gaps).d_prompts == pytest.approx(np.mean([gap.mean.d_prompts for gap in gaps]))
    assert power.Noise.of(gaps).prompts == pytest.approx(np.mean([gap.mean.by_prompts for gap in gaps]))


def test_the_floor_tells_seeds_from_images():
    rng = np.random.default_rng(0)
    rows = [simulate(rng, seeds=6, per_task=40, seed_sd=0.05) for _ in range(30)]
    drawn = floor.sampling_sd(rows)
    assert drawn == pytest.approx(np.sqrt(0.22 / (240 * 4)), rel=0.1)
    assert floor.seed_sd([row.per_seed for row in rows]) == pytest.approx(np.hypot(0.05, drawn), rel=0.15)
    assert floor.seed_sd([[0.5]]) is None and floor.sampling_sd([simulate(rng, images=1)]) is None


def test_a_published_difference_of_single_runs_is_one_draw_at_our_spread():
    ours = [0.03, -0.03, 0.06, 0.0]
    found = worth_of_single_runs(0.02, ours)
    assert found.spread == pytest.approx(np.std(ours, ddof=1))
    assert found.p == pytest.approx(2 * scipy.stats.t.sf(0.02 / found.spread, 3))
    assert worth_of_single_runs(found.least, ours).p == pytest.approx(0.05)
    assert worth_of_single_runs(0.02, [0.1]) is None


def test_the_probability_of_a_win_on_a_new_seed_is_covered_by_its_interval():
    rng, truth, hits = np.random.default_rng(1), scipy.stats.norm.cdf(1.0), 0
    for _ in range(400):
        found = stats.probability_of_win(rng.normal(0.05, 0.05, 5))
        hits += not found.excludes(truth)
    assert 0.92 <= hits / 400 <= 0.98
    win, loss = stats.probability_of_win([0.1, 0.2, 0.1]), stats.probability_of_win([0.1, 0.2, 0.1], way=-1)
    assert win.value == pytest.approx(1 - loss.value) and win.low == pytest.approx(1 - loss.high)
    assert stats.probability_of_win([0.1]) is None and stats.probability_of_win([0.1, 0.1]) is None
