"""Suites without their track's models: the same items and names, and only the scorer's files are asked for."""

import pytest

from fpd_bench.config.availability import require_files
from fpd_bench.config.check import check
from fpd_bench.config.schema import EvaluationConfig, GeneratorConfig, RunConfig, TrackConfig
from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.fidelity.suites import against_real_images
from fpd_bench.evals.geneval.prompt_grammar import geneval_rows
from fpd_bench.tracks.judges import judge_of

SCORER = (
    "mask2former-swin-small-coco-instance/model.safetensors",
    "mask2former-swin-small-coco-instance/config.json",
    "vit_large_patch14_clip_224.openai/open_clip_model.safetensors",
)


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A weights folder with GenEval's scorer and nothing of MaskGen."""
    for name in SCORER:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    monkeypatch.setenv("FPD_WEIGHTS", str(tmp_path))
    return tmp_path


def ready(config):
    """What is told of a run before it begins."""
    check(config)
    require_files(config)


def test_geneval_without_maskgen(weights, tmp_path):
    suite = judge_of("maskgen", "default").suite("test")
    assert suite.name == "geneval-test" and [item.prompt for item in suite.items] == [
        r["prompt"] for r in geneval_rows()
    ]
    (tmp_path / "images").mkdir()
    generator = GeneratorConfig(source=str(tmp_path / "images"))
    config = RunConfig(track=TrackConfig("maskgen"), method="folder", generator=generator)
    ready(config)
    (weights / SCORER[0]).unlink()
    with pytest.raises(AssetError, match="is scored with .*model.safetensors is missing. Run: hf download facebook"):
        ready(config)


def test_imagenet_without_maskgit(weights):
    suite = judge_of("maskgit", "default").suite("test")
    assert (suite.name, len(suite.items), suite.score) == ("imagenet-test", 1000, None)
    assert suite.items[207].prompt == "207 golden retriever" and suite.measure is not None
    with pytest.raises(AssetError, match="There is no reference"):
        suite.measure(weights, "cpu", lambda done, total: None)


def test_a_judge_has_no_real_images_to_compare_with(weights):
    config = RunConfig(evaluation=EvaluationConfig(fidelity="lite0"))
    with pytest.raises(ConfigError, match="with real images, and track 'maskgen' has none"):
        against_real_images(config.evaluation.fidelity, judge_of("maskgen", "default"))
