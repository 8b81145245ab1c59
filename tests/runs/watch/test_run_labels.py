"""Runs that no sweep names are told apart by their labels."""

from itertools import combinations

import pytest

from fpd_bench import status, sweep
from fpd_bench.config.compose import compose
from fpd_bench.config.identity import semantic
from fpd_bench.runs.watch.run_labels import label_runs


def labels(*lines):
    return [*label_runs({str(n): semantic(compose(line)) for n, line in enumerate(lines)}).values()]


def test_what_runs_of_a_kind_differ_in_is_named():
    assert labels(["estimator=soft"], ["estimator=ste"], ["estimator=ste", "seed=1"]) == [
        "shapes fpd estimator=soft seed 0",
        "shapes fpd seed 0",
        "shapes fpd seed 1",
    ]
    assert labels(["optim.lr=1e-4"], ["optim.lr=2e-4"], ["method=teacher"]) == [
        "shapes fpd optim.lr=0.0001 seed 0",
        "shapes fpd optim.lr=0.0002 seed 0",
        "shapes teacher seed 0",
    ]


def test_no_two_runs_of_a_published_table_have_the_same_label():
    from fpd_bench.config.sweeps.spec import load_sweep

    runs = {**load_sweep("table3").runs(), **load_sweep("table4").runs(), **load_sweep("front").runs()}
    found = label_runs({run_id: semantic(config) for run_id, config in runs.items()})
    same = [(a, b) for a, b in combinations(found, 2) if found[a] == found[b]]
    assert len(runs) > 100 and not same, [found[a] for a, _ in same]


def test_a_run_whose_file_says_nothing_odd_values_and_lists_are_no_harm():
    assert label_runs({}) == {}
    odd = label_runs({"a": {}, "b": {"method": 3, "drift.layers": [1, {}]}, "c": {"method": 3, "drift.layers": None}})
    assert odd == {"a": "", "b": "3 drift.layers=[1,{}] seed None", "c": "3 drift.layers=None seed None"}


@pytest.fixture
def made(tiny, tmp_path):
    results = tmp_path / "results"
    assert sweep.main([str(tiny.write_sweep(tmp_path)), "executor=inline", "seeds=[0]", "--results", str(results)]) == 0
    return results


def test_status_without_a_sweep_tells_its_runs_apart(made, capsys):
    capsys.readouterr()
    assert status.main(["--results", str(made)]) == 0
    told = capsys.readouterr().out
    assert "estimator=soft seed 0" in told and "estimator=ste seed 0" in told
