"""The numbers a table is believed for: coverage, pairing, exactness of the tests, and refusal of unequal rows."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from fpd_bench.errors import ConfigError
from fpd_bench.evals import statistics as stats

TASKS = ("single_object", "two_object", "counting", "colors", "position", "color_attr")


def simulate(rng, seeds=4, per_task=40, images=4, shift=0.0, seed_sd=0.02, prompts=None, noise=None):
    """Binary scores whose probability is task + prompt + seed effect; the true mean of each task is known."""
    tasks = np.repeat(np.arange(6), per_task)
    if prompts is None:
        prompts = rng.uniform(-0.25, 0.25, size=len(tasks))
    base = np.linspace(0.35, 0.6, 6)[tasks] + prompts + shift
    chance = base[None, :, None] + rng.normal(0, seed_sd, size=(seeds, 1, 1))
    noise = rng.uniform(size=(seeds, len(tasks), images)) if noise is None else noise
    values = (noise < chance).astype(float)
    names = tuple(f"{i:04d}" for i in range(len(tasks)))
    return stats.Scores(values, tuple(range(seeds)), names, tuple(TASKS[t] for t in tasks))


TRUTH = float(np.linspace(0.35, 0.6, 6).mean())


def test_the_score_is_the_plain_mean_of_task_means_even_when_tasks_have_unequal_sizes():
    values = np.array([1.0, 1.0, 1.0, 0.0]).reshape(1, 4, 1)
    scores = stats.Scores(values, (0,), tuple("abcd"), ("counting", "counting", "counting", "colors"))
    assert scores.per_seed == pytest.approx([0.5])


@pytest.mark.parametrize(("seeds", "seed_sd", "least"), [(5, 0.02, 0.92), (3, 0.01, 0.91), (1, 0.0, 0.91)])
def test_the_interval_covers_the_truth_about_95_times_in_100(seeds, seed_sd, least):
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        found = stats.interval(simulate(rng, seeds, seed_sd=seed_sd), rng, resamples=400)
        hits += not found.excludes(TRUTH)
    assert least <= hits / 200 <= 0.99


def test_pairing_narrows_the_interval_of_a_difference():
    rng = np.random.default_rng(1)
    prompts, noise = rng.uniform(-0.25, 0.25, size=240), rng.uniform(size=(3, 240, 4))
    a = simulate(rng, 3, shift=0.05, seed_sd=0.0, prompts=prompts, noise=noise)
    b = simulate(rng, 3, seed_sd=0.0, prompts=prompts, noise=noise)
    paired = stats.compare(a, b, rng).difference
    alone = [stats.interval(row, rng) for row in (a, b)]
    unpaired = np.hypot(*(row.high - row.low for row in alone))
    assert paired.high - paired.low < 0.5 * unpaired
    assert paired.value == pytest.approx(float(a.per_seed.mean() - b.per_seed.mean()))
    assert paired.low > 0


def test_the_gap_between_two_sets_of_prompts_covers_the_truth_and_pairs_the_seeds():
    rng, hits, widths = np.random.default_rng(8), 0, []
    for _ in range(100):
        scores = simulate(rng, 4, per_task=40, seed_sd=0.05)
        halves = [scores.of_prompts([f"{i:04d}" for i in range(len(scores.prompts)) if i % 2 == k]) for k in (0, 1)]
        found = stats.gap(*halves, rng, resamples=400)
        hits += not found.excludes(0)
        widths.append((found.high - found.low, sum(e.high - e.low for e in (stats.interval(h, rng) for h in halves))))
    assert hits >= 90
    assert np.mean([gap / both for gap, both in widths]) < 0.75  # what the halves' seeds share drops out


def test_ends_are_clipped_but_never_the_mean():
    assert stats.Estimate(0.01, -0.02, 0.04).clipped() == stats.Estimate(0.01, 0.0, 0.04)
    assert stats.Estimate(0.99, 0.9, 1.1).clipped() == stats.Estimate(0.99, 0.9, 1.0)


def test_equal_rows_differ_by_nothing():
    scores = simulate(np.random.default_rng(2))
    found = stats.compare(scores, scores, np.random.default_rng(0))
    assert (found.difference.value, found.difference.low, found.difference.high, found.p) == (0, 0, 0, 1.0)


def as_runs(scores):
    runs = {}
    for s, seed in enumerate(scores.seeds):
        cells = itertools.product(enumerate(scores.prompts), range(scores.values.shape[2]))
        runs[seed] = {(prompt, r): float(scores.values[s, p, r]) for (p, prompt), r in cells}
    return runs, dict(zip(scores.prompts, scores.tasks, strict=True))


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_seeds_prompts_and_images_is_irrelevant(random):
    scores = simulate(np.random.default_rng(3), seeds=3, per_task=3)
    runs, tasks = as_runs(scores)
    shuffled = {}
    for seed in random.sample(sorted(runs), len(runs)):
        shuffled[seed] = dict(random.sample(sorted(runs[seed].items()), len(runs[seed])))
    again = stats.Scores.collect(shuffled, tasks)
    np.testing.assert_array_equal(again.values, scores.values)
    first, second = (stats.interval(x, stats.generator("c0ffee", "a"), 200) for x in (scores, again))
    assert first == second


def test_streams_depend_on_content_and_name_only():
    draw = [stats.generator(*names).integers(1 << 40) for names in (("a", "x"), ("a", "x"), ("b", "x"), ("a", "y"))]
    assert draw[0] == draw[1] and len(set(draw)) == 3


def test_few_prompts_are_tested_exactly_like_scipy_does():
    rng = np.random.default_rng(4)
    values = rng.normal(0.3, 1, size=(1, 10, 1))
    scores = stats.Scores(values, (0,), tuple(map(str, range(10))), ("counting",) * 10)
    ours = stats.sign_flip(scores, rng)
    reference = scipy.stats.permutation_test(
        (values.ravel(),), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    assert ours == pytest.approx(reference.pvalue, abs=2e-3)


def test_under_the_null_small_p_values_are_rare_and_a_real_gap_is_found():
    rng = np.random.default_rng(5)
    false = 0
    for _ in range(200):
        prompts = rng.uniform(-0.25, 0.25, size=120)
        pair = [simulate(rng, 2, per_task=20, seed_sd=0.0, prompts=prompts) for _ in range(2)]
        false += stats.sign_flip(pair[0].minus(pair[1]), rng, flips=400) < 0.05
    assert false / 200 < 0.1
    better = simulate(rng, 2, per_task=20, seed_sd=0.0, prompts=prompts, shift=0.15)
    assert stats.sign_flip(better.minus(pair[0]), rng) < 0.001


def test_holm_matches_hand_computation_and_keeps_the_order_given():
    assert stats.holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert stats.holm([0.9, 0.8]) == [1.0, 1.0]
    assert stats.holm([]) == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_never_below_p_and_never_above_bonferroni(p):
    for raw, adjusted in zip(p, stats.holm(p), strict=True):
        assert raw <= adjusted <= min(1.0, len(p) * raw) + 1e-12


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 400), st.floats(0, 1))
def test_wilson_agrees_with_scipy(n, share):
    k = round(share * n)
    reference = scipy.stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    found = stats.wilson(k, n)
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=1e-9)


def test_a_missing_image_is_an_error_not_a_smaller_n():
    runs, tasks = as_runs(simulate(np.random.default_rng(6), seeds=2, per_task=2))
    del runs[1][("0003", 2)]
    with pytest.raises(ConfigError, match="seeds 0 and 1 were not scored on the same images"):
        stats.Scores.collect(runs, tasks, "STE")


def test_rows_of_other_seeds_or_prompts_cannot_be_paired():
    rng = np.random.default_rng(7)
    a = simulate(rng, seeds=3, per_task=4)
    with pytest.raises(ConfigError, match="needs the same. Run the missing"):
        a.minus(simulate(rng, seeds=2, per_task=4))
    with pytest.raises(ConfigError, match="same suite and images_per_prompt"):
        a.minus(simulate(rng, seeds=3, per_task=5))


def test_statistics_never_load_torch():
    code = "import sys, fpd_bench.evals.statistics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
