"""From Python: a sweep's runs and scores as frames, its report, and that `import fpd_bench` costs nothing."""

import subprocess
import sys

import pandas as pd
import pytest

import fpd_bench
from fpd_bench import sweep
from fpd_bench.errors import ConfigError


@pytest.fixture
def made(tiny, tmp_path):
    """(sweep file, results with the sweep's runs at seed 0; seed 1 is missing)."""
    file, results = tiny.write_sweep(tmp_path), tmp_path / "results"
    assert sweep.main([str(file), "executor=inline", "seeds=[0]", "--results", str(results)]) == 0
    return file, results


def test_a_sweeps_runs_and_scores_are_frames(made, capsys):
    file, results = made
    loaded = fpd_bench.load(file, results=results)
    runs = loaded.runs()
    assert list(runs.columns[:7]) == ["table", "row", "label", "seed", "run_id", "status", "score"]
    assert list(runs["status"]) == ["done", "planned"] * 2 and list(runs["seed"]) == [0, 1] * 2
    assert set(runs["estimator"]) == {"soft", "ste"} and "optim.lr" not in runs
    scores = loaded.scores()
    assert set(scores["run_id"]) == set(runs[runs["status"] == "done"]["run_id"])
    tasks = scores.groupby(["row", "task"])["score"].mean().groupby("row").mean()
    expected = runs.dropna(subset="score").set_index("row")["score"]
    pd.testing.assert_series_equal(tasks, expected.sort_index(), check_names=False)
    assert repr(loaded).endswith("1 tables, 4 runs>")


def test_the_report_is_that_of_the_command(made, tmp_path):
    file, results = made
    tables = fpd_bench.report(file, results=results, out=tmp_path / "mine", figures=False, overrides="seeds=[0]")
    again = fpd_bench.report(file, "seeds=[0]", results=results, out=tmp_path / "again", figures=False)
    assert again.keys() == tables.keys()
    assert list(tables) == ["tiny-a"] and len(tables["tiny-a"]) == 2
    from fpd_bench import report

    words = [str(file), "seeds=[0]", "--results", str(results), "--out", str(tmp_path / "theirs"), "--no-figures"]
    assert report.main(words) == 0
    assert (tmp_path / "mine/tiny-a.csv").read_bytes() == (tmp_path / "theirs/tiny-a.csv").read_bytes()


def test_a_mistake_is_the_commands(tmp_path):
    with pytest.raises(ConfigError, match="Unknown field 'optim.stepps'"):
        fpd_bench.load("smoke", "optim.stepps=3", results=tmp_path)
    with pytest.raises(ConfigError, match="nowhere' is not a folder"):
        fpd_bench.report("smoke", results=tmp_path / "nowhere")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ConfigError, match="Name the sweeps"):
        fpd_bench.report(results=tmp_path, out=tmp_path)
    with pytest.raises(AttributeError, match="there are load and report"):
        fpd_bench.loda  # noqa: B018


def test_importing_the_package_imports_nothing_else():
    code = "import sys, typing; before = set(sys.modules); import fpd_bench;print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['fpd_bench']\n"
