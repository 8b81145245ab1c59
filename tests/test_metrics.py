"""The list of metrics: ours, and those of other packages, which are loaded one by one when they are asked for."""

import subprocess
import sys

import pytest

from fpd_bench import metrics, sweep
from fpd_bench.errors import PluginError, UnknownName
from fpd_bench.metrics import Metric

OURS = [metric.name for metric in metrics.METRICS]
SWEEP = """\
name: mine
metric: METRIC
seeds: [0]
tables: [{id: a, grid: ["estimator=soft,ste"]}]
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """package(code, "name = module:OBJECT") installs a distribution `extra` with module `extra_metrics`."""

    def install(code, *points, name="extra"):
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[fpd_bench.metrics]\n" + "\n".join(points))
        (tmp_path / "extra_metrics.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "extra_metrics", raising=False)
        metrics._announced.cache_clear()
        metrics._load.cache_clear()

    yield install
    metrics._announced.cache_clear()


GOOD = 'from fpd_bench.metrics import Metric\nSHARP = Metric("sharp", "Sharp.", ("eyes",), digits=1)\n'


def test_each_of_ours_is_found_by_its_name_and_says_what_gives_it():
    assert metrics.known() == OURS and OURS[0] == "overall" and len(set(OURS)) == len(OURS)
    for name in OURS:
        metric = metrics.get(name)
        assert metric.name == name and metric.evaluations and metric.digits >= 0 and metric.sign in (1, -1)
    assert metrics.given_by("geneval") == ["overall", *metrics.names_of("geneval")]
    assert metrics.given_by("fidelity") == list(metrics.names_of("fidelity"))
    assert {"fid", "is", "precision", "recall", "kid"} <= set(metrics.names_of("fidelity"))


def test_a_heading_points_to_the_better_side_where_one_may_not_guess_it():
    assert [metrics.get(name).heading for name in ("overall", "fid", "is")] == ["Overall", "FID ↓", "IS ↑"]
    assert Metric("error", "Error", (), lower_is_better=True).heading == "Error ↓"


def test_an_unknown_metric_is_answered_with_the_list():
    with pytest.raises(UnknownName, match="Unknown metric 'fids' in my.yaml. Did you mean 'fid'\\? Available: color"):
        metrics.get("fids", "my.yaml")


def test_a_number_that_nobody_lists_is_shown_by_its_own_name_behind_the_others():
    assert metrics.get_or_plain("singing").heading == "singing"
    assert metrics.ordered(["singing", "kid", "counting", "fid"]) == ["counting", "fid", "kid", "singing"]


def test_another_packages_metric_is_listed_without_being_loaded(package):
    package(GOOD, "sharp = extra_metrics:SHARP")
    assert metrics.known() == [*OURS, "sharp"]
    metrics.check("sharp")
    assert metrics.get("fid").sign == -1 and "extra_metrics" not in sys.modules
    assert metrics.get("sharp").digits == 1 and metrics.given_by("eyes") == ["sharp"]


def test_a_package_that_cannot_be_imported_is_named_to_those_who_ask_for_its_metric(package, tmp_path, capsys):
    package("import nothing_of_this_name", "sharp = extra_metrics:SHARP")
    path = tmp_path / "mine.yaml"
    path.write_text(SWEEP.replace("METRIC", "sharp"))
    assert sweep.main([str(path), "--dry-run", "--results", str(tmp_path)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "metric 'sharp' of package 'extra' cannot be imported: ModuleNotFoundError" in said[0]
    path.write_text(SWEEP.replace("METRIC", "overall"))
    assert sweep.main([str(path), "--dry-run", "--results", str(tmp_path)]) == 0
    assert metrics.given_by("fidelity")[0] == "fid" and metrics.get_or_plain("sharp").heading == "sharp"


@pytest.mark.parametrize("code", ["SHARP = 3", GOOD.replace('"sharp"', '"dull"')])
def test_what_is_no_metric_of_its_name_is_refused(package, code):
    package(code, "sharp = extra_metrics:SHARP")
    with pytest.raises(PluginError, match="metric 'sharp' of package 'extra' must be a Metric of this name"):
        metrics.get("sharp")


def test_a_name_that_two_packages_announce_belongs_to_neither(package):
    package(GOOD, "sharp = extra_metrics:SHARP")
    package(GOOD, "sharp = extra_metrics:OTHER", name="second")
    with pytest.raises(PluginError, match="metric 'sharp' is announced by packages 'extra' and 'second'"):
        metrics.get("sharp")


def test_the_list_needs_no_torch():
    code = "import sys, fpd_bench.metrics as m; m.given_by('geneval'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
