"""Scores of a row: the score that they make, and refusal of rows that cannot be paired."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpd_bench.errors import ConfigError
from fpd_bench.evals import statistics as stats
from fpd_bench.evals.statistics.floor import pooled
from tests.evals.statistics.tables import as_runs, simulate


def test_the_score_is_the_plain_mean_of_task_means_even_when_tasks_have_unequal_sizes():
    values = np.array([1.0, 1.0, 1.0, 0.0]).reshape(1, 4, 1)
    scores = stats.Scores(values, (0,), tuple("abcd"), ("counting", "counting", "counting", "colors"))
    assert scores.per_seed == pytest.approx([0.5])


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
    assert stats.score(again) == stats.score(scores)


def test_a_missing_image_is_an_error_not_a_smaller_n():
    runs, tasks = as_runs(simulate(np.random.default_rng(6), seeds=2, per_task=2))
    del runs[1][("0003", 2)]
    with pytest.raises(ConfigError, match="seeds 0 and 1 were not scored on the same images"):
        stats.Scores.collect(runs, tasks, "STE")


def test_rows_of_other_seeds_or_prompts_cannot_be_paired():
    rng = np.random.default_rng(7)
    a = simulate(rng, seeds=3, per_task=4)
    with pytest.raises(ConfigError, match="needs the same seeds in both. Run the missing"):
        stats.compare(a, simulate(rng, seeds=2, per_task=4))
    with pytest.raises(ConfigError, match="same suite and images_per_prompt"):
        stats.compare(a, simulate(rng, seeds=3, per_task=5))


def test_statistics_never_load_torch_and_open_at_once():
    code = "import sys, fpd_bench.evals.statistics; sys.exit(any(m in sys.modules for m in ('torch', 'scipy.stats')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_part_of_the_scores_keeps_their_places():
    values = np.arange(24, dtype=float).reshape(3, 4, 2)
    scores = stats.Scores(values, (5, 7, 9), ("a", "b", "c", "d"), ("counting", "colors", "counting", "colors"))
    some = scores.of_seeds({9, 5, 1})
    assert (some.seeds, some.prompts, some.tasks) == ((5, 9), scores.prompts, scores.tasks)
    assert some.values.tolist() == values[[0, 2]].tolist()
    colours = scores.of_task("colors")
    assert (colours.seeds, colours.prompts, colours.tasks) == ((5, 7, 9), ("b", "d"), ("colors", "colors"))
    assert colours.values.tolist() == values[:, [1, 3]].tolist()


def test_differences_keep_their_seeds():
    values = np.arange(12, dtype=float).reshape(3, 2, 2)
    runs, tasks = as_runs(stats.Scores(values, (5, 7, 9), ("a", "b"), ("counting", "colors")))
    collected = stats.Scores.collect(runs, tasks)
    assert collected.seeds == (5, 7, 9) == collected.minus(collected).seeds
    assert collected.values.tolist() == values.tolist()


def test_without_any_variance_a_difference_is_certain_and_none_is_none():
    one, other = (stats.Scores(np.full((3, 2, 2), v), (0, 1, 2), ("a", "b"), ("counting",) * 2) for v in (0.5, 0.75))
    assert stats.compare(other, one).p < 1e-20
    assert stats.compare(one, one).p == pytest.approx(1)


def test_standard_deviations_are_pooled_by_their_squares():
    assert pooled([3.0, 4.0]) == pytest.approx(np.sqrt(12.5)) and pooled([]) is None
