"""The MaskGIT track from files in the published layout: loads, distils, samples, and names what is wrong."""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from fpd_bench.config.availability import require_files
from fpd_bench.config.compose import compose
from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.tracks.maskgit.track import MaskGitTrack

spec = importlib.util.spec_from_file_location("paper_contract", Path(__file__).with_name("paper_contract.py"))
contract = importlib.util.module_from_spec(spec)
spec.loader.exec_module(contract)


@pytest.fixture(scope="module")
def track(published):
    return MaskGitTrack(weights=published.weights)


def test_it_keeps_the_promises_of_a_track(track):
    contract.check_track(track, 16)


def test_the_teachers_own_sampler(track):
    contract.check_teacher_sampling(track)


def test_two_steps_of_fpd(track):
    recorder, images = contract.distil(track, "gan.weight=0.1")
    assert all(np.isfinite(row["loss"]) for row in recorder.rows)
    assert images.shape == (2, 16, 16, 3)


def test_two_steps_with_noise_on_embeddings_and_class_tokens(track):
    noisy = ("start.embedding_noise=0.5", "drift.cls=also", "drift.last_norm=true", "drift.resize=64")
    recorder, images = contract.distil(track, *noisy)
    plain, others = contract.distil(track)
    assert np.isfinite(recorder.rows[-1]["loss"]) and recorder.rows[0]["loss"] != plain.rows[0]["loss"]
    assert not np.array_equal(images, others)


def test_classes_by_number_by_name_and_by_both(track):
    texts = track.condition(["3", "tiger shark", "3 anything"]).texts
    assert texts == ("3 tiger shark",) * 3
    with pytest.raises(ConfigError, match="'unicorn' is not an ImageNet class. Give a number from 0 to 9"):
        track.condition(["unicorn"])
    assert track.null_condition(2).tensors["dropped"].all()


def test_the_suite_holds_every_class_once_and_is_compared_with_imagenet(track, tmp_path):
    suite = track.suite("test")
    assert suite.condition.tensors["label"].tolist() == list(range(10)) and suite.score is None
    with pytest.raises(AssetError, match="VIRTUAL_imagenet256_labeled.npz' is missing. Run: curl -o"):
        suite.measure(tmp_path / "samples.npz", "cpu", lambda done, total: None)


def test_the_reference_is_asked_for_before_anything_runs(published, monkeypatch):
    monkeypatch.setenv("FPD_WEIGHTS", str(published.weights))
    with pytest.raises(AssetError, match="FID needs the weights of Inception|VIRTUAL_imagenet256_labeled.npz"):
        require_files(compose(["track.name=maskgit", "drift.blocks=[2]"]))
    require_files(compose(["track.name=maskgit", "drift.blocks=[2]", "evaluation.fidelity=lite0"]))


def test_a_missing_file_is_named_with_its_command(published, tmp_path):
    shutil.copytree(published.weights, tmp_path / "w")
    (tmp_path / "w/Maskgit-pytorch/pretrained_maskgit/VQGAN/last.ckpt").unlink()
    with pytest.raises(AssetError, match="tokenizer '.*last.ckpt' is missing. Run: hf download llvictorll"):
        MaskGitTrack(weights=tmp_path / "w")


def test_the_head_of_the_repository_is_refused(published, tmp_path):
    shutil.copytree(published.weights, tmp_path / "w")
    keys = ("cls_emb.weight", "tok_emb.weight", "last_norm.mlp.1.bias")
    path = tmp_path / "w/Maskgit-pytorch/pretrained_maskgit/MaskGIT/MaskGIT_ImageNet_256.pth"
    torch.save({"model_state_dict": {key: torch.zeros(1) for key in keys}}, path)
    with pytest.raises(AssetError, match="Halton-MaskGIT"):
        MaskGitTrack(weights=tmp_path / "w")
