"""The whole paper profile, small: random weights as published, through sweep, trainer, scorer, store and report."""

from pathlib import Path

import numpy as np
import pytest

from fpd_bench import report, sweep
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.evals.fidelity import suites
from fpd_bench.runs.folder.rundir import RunDir

pytestmark = pytest.mark.slow

SWEEP = """
name: tiny
title: The paper's profile, small
metric: {metric}
profiles:
  paper: [track.name={track}, optim.steps=2, optim.batch=4, optim.samples_per_condition=2, "drift.blocks=[2,5,8,11]",
          evaluation.split=validation, evaluation.images_per_prompt={images}, evaluation.fidelity={fidelity},
          execution.processes={processes}, execution.log_every=1]
tables:
  - id: a
    caption: Gradient routing
    grid: ["estimator=ste", "gan.weight=0.1"]
    rows: [{{id: ste, label: "STE", where: {{estimator: ste}}, published: {number}}}]
"""


def carried_out(tmp_path, published, monkeypatch, **words):
    """The run directory of the sweep's one run, done, and the report's Markdown."""
    monkeypatch.setenv("FPD_WEIGHTS", str(published.weights))
    monkeypatch.setenv("FPD_CACHE", str(tmp_path / "cache"))
    path, results = tmp_path / "tiny.yaml", tmp_path / "results"
    path.write_text(SWEEP.format(**words))
    assert sweep.main([str(path), "profile=paper", "executor=inline", "--results", str(results)]) == 0
    (run_id,) = load_sweep(path, ["profile=paper"]).runs()
    asked = [str(path), "profile=paper", "--results", str(results), "--out", str(tmp_path / "out"), "--no-figures"]
    assert report.main(asked) == 0
    run = RunDir(results / "runs" / run_id)
    assert run.done()["status"] == "done"
    assert [row["step"] for row in run.training_log()] == [1, 2]
    assert all(np.isfinite(row["loss"]) and "d_loss" in row for row in run.training_log())
    return run, "".join(page.read_text() for page in Path(tmp_path / "out").rglob("*.md"))


@pytest.mark.parametrize("processes", [1, 2])
def test_maskgen_is_distilled_sampled_and_scored_by_geneval(tmp_path, published, monkeypatch, processes):
    words = {
        "track": "maskgen",
        "images": 1,
        "fidelity": '""',
        "metric": "overall",
        "number": 0.45,
        "processes": processes,
    }
    run, page = carried_out(tmp_path, published, monkeypatch, **words)
    (rows,) = run.scores().values()
    assert len(rows) == 100 and {row["task"] for row in rows} >= {"two_object", "counting", "colors", "position"}
    assert all(row["detail"]["detector"]["backend"] == "mask2former-hf" for row in rows)
    assert "STE" in page and "0.45" in page
    assert {"maskgen/teacher", "maskgen/captions", "maskgen/images"} <= run.attempt(1)["assets"].keys()


@pytest.mark.parametrize("processes", [1, 2])
def test_maskgit_is_distilled_sampled_and_compared_with_real_images(tmp_path, published, monkeypatch, processes):
    monkeypatch.setattr(suites, "REAL", 40)  # of the real images: 2,000 take minutes
    words = {
        "track": "maskgit",
        "images": 4,
        "fidelity": "lite0",
        "metric": "fid",
        "number": 6.9,
        "processes": processes,
    }
    run, page = carried_out(tmp_path, published, monkeypatch, **words)
    assert "STE" in page and "FID" in page
    assert {"maskgit/teacher", "maskgit/images"} <= run.attempt(1)["assets"].keys()
