"""The MaskGen track from files in the published layout: loads, distils, samples, scores, and names what is wrong."""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from fpd_bench.assets.missing import provide
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.geneval.detectors import Seen
from fpd_bench.evals.geneval.prompt_grammar import CLASSES
from fpd_bench.registry import tracks
from fpd_bench.runs.execute.preflight import missing_files
from fpd_bench.tracks.geneval import GenEvalSuites
from fpd_bench.tracks.maskgen.track import MaskGenTrack

spec = importlib.util.spec_from_file_location("paper_contract", Path(__file__).with_name("paper_contract.py"))
contract = importlib.util.module_from_spec(spec)
spec.loader.exec_module(contract)

SWEEPS = Path(__file__).parents[2] / "sweeps"


class SeesOne:
    """A detector that finds one object of every class, filling the picture."""

    identity = {"backend": "test"}  # noqa: RUF012

    def see(self, images, keys):
        height, width = images[0].shape[:2]
        box, mask = np.array([0, 0, width, height, 0.99], dtype=np.float32), np.ones((height, width), dtype=bool)
        return [Seen({name: [(box, mask)] for name in CLASSES}, {name: ["red"] for name in CLASSES}) for _ in images]


@pytest.fixture(scope="module")
def track(published):
    return MaskGenTrack(weights=published.weights, suites=GenEvalSuites(published.weights, SeesOne()))


def test_it_keeps_the_promises_of_a_track(track):
    contract.check_track(track, 32)
    assert (track.n_tokens, track.n_codes, track.teacher.score) == (12, 24, 6.5)


def test_the_teachers_own_sampler(track):
    contract.check_teacher_sampling(track)


def test_two_steps_of_fpd_with_the_adversary(track):
    recorder, images = contract.distil(track, "gan.weight=0.1")
    assert [row["step"] for row in recorder.rows] == [1, 2] and "d_loss" in recorder.rows[0]
    assert all(np.isfinite(row["loss"]) for row in recorder.rows)
    assert recorder.pictures[0].shape == (16, 3, 32, 32)
    records = track.suite("test").score(images, list(track.suite("test").items[:2]))
    assert [(record["task"], record["score"]) for record in records] == [("single_object", 1.0)] * 2


def test_two_steps_with_soft_embeddings(track):
    recorder, _ = contract.distil(track, "estimator=soft")
    assert np.isfinite(recorder.rows[-1]["loss"])


def test_two_steps_with_noise_on_embeddings_and_class_tokens(track):
    noisy = ("start.embedding_noise=0.5", "drift.cls=also", "drift.last_norm=true", "drift.resize=64")
    recorder, images = contract.distil(track, *noisy)
    plain, others = contract.distil(track)
    assert np.isfinite(recorder.rows[-1]["loss"]) and recorder.rows[0]["loss"] != plain.rows[0]["loss"]
    assert not np.array_equal(images, others)


def test_the_suites_are_genevals(track):
    test, validation = track.suite("test"), track.suite("validation")
    assert (len(test.items), len(validation.items)) == (553, 100)
    assert {item.prompt for item in test.items}.isdisjoint(item.prompt for item in validation.items)
    assert track.suite("test").condition is test.condition  # encoded once


def test_without_a_detector_the_score_says_what_to_fetch(tmp_path, track):
    images, items = np.zeros((1, 32, 32, 3), np.uint8), list(track.suite("test").items[:1])
    with pytest.raises(AssetError, match="hf download facebook/mask2former-swin-small-coco-instance"):
        GenEvalSuites(tmp_path).score(images, items)


def test_the_condition_is_cut_at_clips_length(track):
    assert track.condition(["cat " * 50, "a cat"]).tensors["text"].shape == (2, 16, 16)
    with pytest.raises(ConfigError, match="condition of the images"):
        track.tokenizer.decode(track.tokenizer.codebook[None, :12])


# ----------------------------------------------------------------------------------------- through the public door
PAPER = ["profile=paper"]


def test_the_paper_profile_asks_for_the_published_discriminator_too(published, tmp_path, monkeypatch):
    shutil.copytree(published.weights, tmp_path / "w")
    shutil.rmtree(tmp_path / "w/deit_base_distilled_patch16_224.fb_in1k")
    monkeypatch.setenv("FPD_WEIGHTS", str(tmp_path / "w"))
    with pytest.raises(AssetError, match="gan.discriminator=projected needs DeiT-B distilled"):
        provide(missing_files(load_sweep(SWEEPS / "table3.yaml", PAPER).runs().values()))
    assert load_sweep(SWEEPS / "table4.yaml", PAPER).runs()  # no row of it uses L_gan


def test_the_paper_profile_opens_with_the_weights(published, monkeypatch):
    monkeypatch.setenv("FPD_WEIGHTS", str(published.weights))
    config = next(iter(load_sweep(SWEEPS / "table3.yaml", PAPER).runs().values()))
    assert config.track.name == "maskgen"
    assert tracks.get("maskgen")("default").assets.keys() >= {"maskgen/teacher", "maskgen/backbone", "maskgen/images"}


def test_the_paper_profile_names_the_first_missing_file(published, tmp_path, monkeypatch):
    shutil.copytree(published.weights, tmp_path / "w")
    (tmp_path / "w/tokenizer_tatitok_bl128_vq/model.safetensors").unlink()
    monkeypatch.setenv("FPD_WEIGHTS", str(tmp_path / "w"))
    with pytest.raises(AssetError) as caught:
        provide(missing_files(load_sweep(SWEEPS / "table3.yaml", PAPER).runs().values()))
    for words in ("tokenizer", "hf download turkeyju/tokenizer_tatitok_bl128_vq"):
        assert words in str(caught.value)


def test_the_paper_profile_asks_for_captions_and_images_before_anything_runs(published, tmp_path, monkeypatch):
    monkeypatch.setenv("FPD_WEIGHTS", str(published.weights))
    monkeypatch.setenv("FPD_DATA", str(tmp_path))
    with pytest.raises(AssetError, match="Training captions are missing"):
        provide(missing_files(load_sweep(SWEEPS / "table3.yaml", PAPER).runs().values()))
    (tmp_path / "captions.txt").write_text("a cat\n")
    with pytest.raises(AssetError, match="discriminator needs real images"):
        provide(missing_files(load_sweep(SWEEPS / "table3.yaml", PAPER).runs().values()))
    provide(missing_files(load_sweep(SWEEPS / "table3.yaml", ["profile=paper", "gan.weight=0"]).runs().values()))


def test_files_that_do_not_belong_together(published, tmp_path):
    shutil.copytree(published.weights, tmp_path / "w")
    config = tmp_path / "w/generator_maskgen_vq_l/config.json"
    config.write_text(config.read_text().replace('"num_latent_tokens": 12', '"num_latent_tokens": 16'))
    with pytest.raises(AssetError, match="16 tokens of 24 codes, TA-TiTok reads 12 of 24"):
        MaskGenTrack(weights=tmp_path / "w")
    config.write_text("{}")
    with pytest.raises(AssetError, match="lacks the setting vq_model"):
        MaskGenTrack(weights=tmp_path / "w")
    shutil.copy(tmp_path / "w/tokenizer_tatitok_bl128_vq/model.safetensors", config.with_name("model.safetensors"))
    shutil.copy(published.weights / "generator_maskgen_vq_l/config.json", config)
    with pytest.raises(AssetError, match="hold a TA-TiTok tokenizer, not a MaskGen"):
        MaskGenTrack(weights=tmp_path / "w")


# ------------------------------------------------------------------------------------------------------------- data
def test_missing_data_says_where_it_belongs(published, tmp_path):
    track = MaskGenTrack(weights=published.weights, data=tmp_path)
    with pytest.raises(AssetError, match="captions.txt, captions\\*.parquet"):
        track.draw_conditions(1, torch.Generator())
    with pytest.raises(AssetError, match="gan.weight=0"):
        track.real_images(1, torch.Generator())
