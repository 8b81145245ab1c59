"""Density and coverage by counting, FID_inf on Gaussians whose distance is known."""

import math

import pytest
import torch

from fpd_bench.evals.fidelity.infinite import at_infinity
from fpd_bench.evals.fidelity.neighbours import density_and_coverage


def test_by_hand_on_a_line():
    """Real 0 1 3 7, k = 1: balls of radius 1 1 2 4. 0.5 lies in two, 2 in one (3's), 100 in none."""
    real = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    made = torch.tensor([[0.5], [2.0], [100.0]])
    found = density_and_coverage(made, real, k=1)
    assert found == {"density": pytest.approx(3 / 3), "coverage": pytest.approx(3 / 4)}


def test_equal_sets_are_covered_and_far_ones_are_not():
    draw = torch.Generator().manual_seed(0)
    real = torch.randn(1500, 8, generator=draw)
    same = density_and_coverage(torch.randn(1500, 8, generator=draw), real)
    assert same["density"] == pytest.approx(1, abs=0.1) and same["coverage"] > 0.9
    assert density_and_coverage(real + 50, real) == {"density": 0, "coverage": 0}


def squared_distance(made):
    """Biased by trace(covariance) / n, as FID is."""
    return float(made.mean(0).square().sum())


def test_the_line_is_read_at_infinitely_many_images():
    made = torch.randn(4000, 4, generator=torch.Generator().manual_seed(1)) + 0.05
    assert at_infinity(made, lambda part: 3.0 + 200 / len(part)) == pytest.approx(3.0, abs=1e-6)
    assert at_infinity(made, squared_distance) < squared_distance(made[:800])


def test_too_few_images_have_no_limit():
    assert math.isnan(at_infinity(torch.randn(100, 64), lambda part: 0.0))
