"""The promise itself, on a small grid: how often intervals and verdicts are wrong (benchmarks/calibration.py)."""

from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
SURE = 3.5  # standard errors; the tables drawn are always the same


@pytest.fixture(scope="module")
def calibration():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        import calibration

        yield calibration


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize(
    ("name", "seed_sd"),
    [("one configuration in all rows", 0.03), ("rows differ much by prompt", 0.06), ("tasks near 0 and 1", 0.0)],
)
def test_intervals_and_verdicts_keep_what_they_promise(calibration, name, seed_sd, seeds):
    scenario = next(one for one in calibration.tables.SCENARIOS if one.name == name)
    counts = calibration.simulate(scenario, 300, seeds, seed_sd)
    assert {"rows", "one", "family 1", "family 10", "best"} <= counts.keys()
    for kind, share in counts.items():
        assert calibration.kept(kind, seeds, share, SURE), (kind, share)


def test_the_rules_that_were_refused_break_the_promise_where_ours_keeps_it(calibration):
    scenario = next(one for one in calibration.tables.SCENARIOS if one.name == "rows differ much by prompt")
    drawn = calibration.tables.chunks(scenario, 300, calibration.counting.ROWS, 3, 0.1, seed=0)
    found = calibration.rules.of_rules(drawn, scenario.weights, scenario.strata)
    assert not calibration.kept("family 10", 3, found["crossed, Satterthwaite"]["family 10"], SURE)
    assert calibration.kept("family 10", 3, found["**mean of quantiles, by squared share (used)**"]["family 10"], SURE)


def test_numbers_of_whole_sets_keep_it_too(calibration):
    drawn = calibration.tables.whole_sets(1000, calibration.counting.ROWS, 5, skewed=True, seed=0)
    for kind, share in calibration.counting.of_whole_sets(drawn).items():
        assert calibration.kept(kind, 5, share, SURE), (kind, share)


def test_recorded_runs_of_one_configuration_are_dealt_into_rows(calibration):
    rng = np.random.default_rng(0)
    values = rng.normal(0.5, 0.05, (24, 1)) + rng.normal(0, 0.2, (24, 30))
    weights, strata = np.full(30, 1 / 30), np.zeros(30, dtype=int)
    counts = calibration.counting.of_recorded(values, weights, strata, seeds=3, splits=400)
    assert "family 6" in counts and "family 10" not in counts and "rows" not in counts  # 8 rows: 7 claims
    assert counts["one"].value < 0.12
    with pytest.raises(ValueError, match="4 runs make no two rows of 3 seeds"):
        calibration.counting.of_recorded(values[:4], weights, strata, seeds=3)


def test_the_page_marks_what_is_outside(calibration):
    share = calibration.Share(0.2, 0.01)
    page = calibration.markdown([calibration.Cell("s", 3, 0.03, {"one": share, "tasks": share})], 10)
    assert "20.0 !" in page and "Of 1 counts 1 are" in page
