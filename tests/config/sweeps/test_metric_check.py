"""A table whose metric its suite cannot give is refused before anything runs, with what to write instead."""

import pytest

from fpd_bench import report, sweep
from fpd_bench.config.sweeps.metric_check import evaluations
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.metrics import FIDELITY, GENEVAL

SWEEP = """\
name: demo
metric: METRIC
seeds: [0]
profiles: {embedded: [PROFILE]}
tables:
  - {id: a, grid: ["method=teacher", "evaluation.teacher_steps=1,2"]}
"""


@pytest.fixture
def written(tmp_path):
    def write(metric, *profile):
        path = tmp_path / "demo.yaml"
        path.write_text(SWEEP.replace("METRIC", metric).replace("PROFILE", ", ".join(profile)))
        return path

    return write


@pytest.mark.parametrize(
    ("metric", "profile", "said"),
    [
        (
            "fid",
            [],
            "demo.yaml, table a: the suite of track 'shapes' has no metric 'fid'; it has overall, single_object, "
            "two_object, counting, colors, position, color_attr, differ, same, distinct. Add "
            "evaluation.fidelity=lite0 to the profile, which compares with the track's real images.",
        ),
        (
            "counting",
            ["track.name=maskgit"],
            "demo.yaml, table a: the suite of track 'maskgit' has no metric 'counting'; it has fid, is, precision, "
            "recall, kid. Write metric: fid, or choose a track that has it: shapes, maskgen.",
        ),
    ],
)
def test_a_metric_that_the_suite_lacks_is_refused_in_one_line(written, tmp_path, capsys, metric, profile, said):
    path = written(metric, *profile)
    assert sweep.main([str(path), "--results", str(tmp_path / "results")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].endswith(said)
    assert report.main([str(path), "--results", str(tmp_path / "results"), "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("metric", "profile"),
    [
        ("counting", []),
        ("fid", ["evaluation.fidelity=lite0"]),
        ("overall", ["evaluation.fidelity=lite0"]),
        ("kid", ["track.name=maskgit"]),
        ("overall", ["track.name=maskgen"]),
    ],
)
def test_a_metric_that_the_suite_has_is_planned(written, metric, profile):
    assert len(load_sweep(written(metric, *profile)).cells) == 2


def test_one_table_of_an_axis_without_the_metric_is_enough(written, tmp_path, capsys):
    path = written("overall")
    assert sweep.main([str(path), "track.name=shapes,maskgit", "--dry-run", "--results", str(tmp_path)]) == 2
    assert "table a@track.name=maskgit: the suite of track 'maskgit' has no metric 'overall'" in capsys.readouterr().err


def test_a_track_of_another_package_is_not_refused(tiny, written):
    sweep_of_it = load_sweep(written("fid", *tiny.BASE[:1]))
    assert evaluations(sweep_of_it.cells[0].config) is None


def test_what_evaluates_a_run_is_what_its_track_says(small_track):
    from fpd_bench.config.compose import compose

    suite = small_track.suite("test")
    found = evaluations(compose([]))
    assert (GENEVAL in found, FIDELITY in found) == (suite.score is not None, suite.measure is not None)
    assert set(evaluations(compose(["evaluation.fidelity=lite0"]))) == {*found, FIDELITY}
