"""Runs of images from elsewhere: sampled, scored, measured and stored like any other, and never trained."""

import numpy as np
import pytest
from PIL import Image

from fpd_bench.config.compose import compose
from fpd_bench.config.identity import plugins, run_id, semantic
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.perform.stages import Bench, perform
from fpd_bench.runs.watch.row_scores import run_score
from fpd_bench.store.ingest import ingest
from fpd_bench.store.query import Store

COMMON = ["track.name=tiny", "evaluation.images_per_prompt=5"]


@pytest.fixture
def flat(tmp_path):
    """Five images for each of the tiny track's four words: dark, bright, dim, light."""
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for n in range(20):
        shade = (40, 220, 40, 60)[n // 5] + rng.integers(-20, 20, size=(8, 8, 3))
        Image.fromarray(shade.astype(np.uint8)).save(folder / f"{n:03}.png")
    return folder


def run_of(tmp_path, *overrides):
    run = RunDir.create(tmp_path / "results", compose([*COMMON, *overrides]))
    outcome = perform(run, Bench())
    return run, outcome


def test_a_folder_is_scored_measured_and_stored(tiny, flat, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("fpd_bench.evals.fidelity.suites.REAL", 20)
    run, outcome = run_of(tmp_path, "method=folder", f"generator.source={flat}", "evaluation.fidelity=lite0")
    assert outcome.status == "done", outcome.message
    assert not run.student.exists() and run.training_log() == []
    assert len(run.attempt(1)["assets"]["folder/images"]) == 64
    assert run_score(run, "overall") == 0.75  # `light` is not light
    assert run_score(run, "fid") > 0
    ingest(tmp_path / "results")
    with Store(tmp_path / "results") as store:
        numbers = store.frame("metrics", [run.run_id]).set_index("metric")
        protocols = store.frame("protocols", [run.run_id]).set_index("metric").protocol
        assert len(store.frame("items", [run.run_id])) == 20
    assert set(numbers.index) == {
        "overall",
        "colors",
        "counting",
        "fid",
        "is",
        "precision",
        "recall",
        "kid",
        "fid_sampling_sd",
    }
    assert numbers.value["overall"] == 0.75 and numbers.n["fid"] == 20
    assert protocols["fid"]["preset"] == "lite0" and protocols["fid"]["reference"] == "20 real images of tiny/default"


def test_a_pipeline_is_sampled_and_scored(tiny, pipeline_folder, tmp_path):
    settings = [f"generator.source={pipeline_folder}", "generator.steps=1", "generator.guidance=1"]
    run, outcome = run_of(tmp_path, "method=diffusers", *settings)
    assert outcome.status == "done", outcome.message
    with np.load(run.samples("test")) as stored:
        assert stored["images"].shape == (4, 5, 16, 16, 3)
    assert run_score(run, "overall") is not None
    assert run.attempt(1)["assets"]["diffusers/pipeline"] == "StableDiffusionPipeline"


def test_what_is_wrong_with_the_images_fails_the_run_with_one_line(tiny, flat, tmp_path):
    (flat / "000.png").unlink()
    _, outcome = run_of(tmp_path, "method=folder", f"generator.source={flat}")
    assert outcome.status == "failed" and "holds 19 images; suite 'test' has 4 prompts x" in outcome.message
    _, outcome = run_of(tmp_path, "method=folder", "generator.source=nowhere")
    assert outcome.status == "failed" and "'nowhere' is not a folder" in outcome.message


def test_only_what_can_change_the_images_is_part_of_the_id(tiny):
    plain = compose([*COMMON, "method=diffusers", "generator.source=a/b"])
    same = compose([*COMMON, "method=diffusers", "generator.source=a/b", "optim.lr=1", "estimator=soft"])
    other = compose([*COMMON, "method=diffusers", "generator.source=a/b", "generator.steps=4"])
    assert run_id(plain) == run_id(same) != run_id(other)
    assert plugins(plain) == {"track:tiny": 1, "generator:diffusers": 1}
    trained = compose([*COMMON, "generator.steps=4"])
    assert run_id(trained) == run_id(compose(COMMON)) and "generator.steps" not in semantic(trained)
