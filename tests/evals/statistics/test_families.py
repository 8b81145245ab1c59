"""Claims of one table: Holm's adjustment, verdicts, margins, and the set of rows that may be the best."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpd_bench.evals import statistics as stats
from tests.evals.statistics.tables import of_seeds


def gap(*per_seed):
    return stats.compare(of_seeds(per_seed), of_seeds([0.0] * len(per_seed)))


def judged(ours, way=1, margin=0.0):
    return stats.judge_claim(ours, way, margin, stats.p_of_claim(ours, way, margin))


def test_holm_matches_hand_computation_keeps_the_order_given_and_skips_what_is_not_tested():
    assert stats.holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert stats.holm([0.04, None, 0.01]) == [pytest.approx(0.04), None, pytest.approx(0.02)]
    assert stats.holm([0.9, 0.8]) == [1.0, 1.0]
    assert stats.holm([]) == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_never_below_p_and_never_above_bonferroni(p):
    for raw, adjusted in zip(p, stats.holm(p), strict=True):
        assert raw <= adjusted <= min(1.0, len(p) * raw) + 1e-12


def test_a_verdict_needs_the_adjusted_p_and_the_sign_that_the_metric_wants():
    better = gap(0.10, 0.12, 0.11)
    assert (judged(better), judged(better, way=-1)) == ("reproduced", "contradicted")
    assert judged(gap(0.1, -0.1, 0.02)) == "undecided" and judged(None) == "not tested"
    assert stats.judge_claim(better, 1, 0.0, 0.06) == "undecided"  # its own p is small, its adjusted one is not


def test_no_worse_than_is_tested_at_its_margin():
    level = gap(0.001, -0.002, 0.000, 0.001)
    assert judged(level) == "undecided"
    assert judged(level, margin=0.02) == "reproduced"
    assert judged(gap(-0.030, -0.031, -0.029), margin=0.02) == "contradicted"
    assert judged(gap(-0.03, -0.01, -0.02), margin=0.02) == "undecided"
    assert judged(gap(0.030, 0.031, 0.029), way=-1, margin=0.02) == "contradicted"  # FID: higher is worse


def test_no_worse_than_speaks_when_the_lower_end_clears_the_margin():
    ours = gap(0.012, -0.006, 0.004, 0.001, 0.008)
    for margin in np.linspace(0.001, 0.02, 20):
        assert (judged(ours, margin=margin) == "reproduced") == (ours.difference.low > -margin)


def test_a_row_may_be_the_best_until_another_one_beats_it():
    rows = {"a": [0.50, 0.52, 0.51], "b": [0.49, 0.53, 0.50], "c": [0.30, 0.31, 0.30]}

    def compare(one, other):
        return stats.compare(of_seeds(rows[one]), of_seeds(rows[other]))

    assert stats.may_be_best(list(rows), compare, way=1) == ["a", "b"]
    assert stats.may_be_best(list(rows), compare, way=-1) == ["c"]
    assert stats.may_be_best(["b"], compare, way=1) == ["b"]


def test_the_more_rows_there_are_the_more_it_takes_to_leave_the_best_set():
    """With k rows each of the k - 1 others may beat the best by mistake with probability .05 / (k - 1), one-sided."""
    rows = {"best": [0.5, 0.52, 0.48], "worse": [0.45, 0.44, 0.455]}
    rows |= {f"same {n}": [0.5, 0.52, 0.48] for n in range(4)}

    def compare(one, other):
        return stats.compare(of_seeds(rows[one]), of_seeds(rows[other]))

    assert 0.02 < compare("best", "worse").p < 0.1  # the levels of six rows and of two
    assert stats.may_be_best(["best", "worse"], compare, way=1) == ["best"]
    assert stats.may_be_best(list(rows), compare, way=1) == list(rows)
