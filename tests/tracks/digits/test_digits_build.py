"""The recipe of the digits' assets: through its command, killed and gone on with; the three networks learn."""

from dataclasses import replace

import pytest
import torch

from fpd_bench.errors import AssetError
from fpd_bench.models.conv_vq import VqShape
from fpd_bench.tracks import training
from fpd_bench.tracks.__main__ import main
from fpd_bench.tracks.digits import build, files, vq_training
from fpd_bench.tracks.digits.classifier import ClassifierRecipe, ClassifierTraining, classify
from fpd_bench.tracks.digits.data import digits
from fpd_bench.tracks.digits.track import DigitsTrack
from fpd_bench.tracks.digits.vq_training import TokenizerRecipe, TokenizerTraining
from fpd_bench.tracks.masked_training import Recipe

SMALL = VqShape(codes=32, dim=8, widths=(8, 8, 16), decoder=1)
TINY = build.Recipes(
    classifier=ClassifierRecipe(steps=4, batch=8),
    tokenizer=TokenizerRecipe(steps=4, batch=8),
    teacher=Recipe(steps=4, batch=8, width=16, depth=1, heads=2),
    copies=1,
)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(build.RECIPES, "default", TINY)
    monkeypatch.setattr(vq_training, "VqShape", lambda: SMALL)


def built(folder):
    return {part: files.path_of(part, "default", folder).read_bytes() for part in files.PARTS}


def test_the_command_builds_assets_that_open(tmp_path, capsys):
    places = ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
    assert main(["build", "digits", "--steps", "2", "--threads", "1", *places]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "out")
    track = DigitsTrack("default", tmp_path / "out")
    assert (track.n_tokens, track.n_codes) == (16, 32) and track.teacher.shape.width == 16


@pytest.mark.slow
def test_a_killed_build_ends_with_the_same_files(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 2)
    build.build("default", tmp_path / "a", tmp_path / "whole", TINY, lambda *told: None)

    class Killed(Exception):
        """Stands for the end of the process."""

    def die(network, step, steps, loss):
        if (network, step) == ("tokenizer", 3):  # one step behind the last checkpoint
            raise Killed

    with pytest.raises(Killed):
        build.build("default", tmp_path / "b", tmp_path / "killed", TINY, die)
    steps = []
    build.build("default", tmp_path / "b", tmp_path / "killed", TINY, lambda *told: steps.append(told[:2]))
    assert steps == [("tokenizer", 3), ("tokenizer", 4), *(("teacher", step) for step in (1, 2, 3, 4))]
    assert built(tmp_path / "killed") == built(tmp_path / "whole")


def test_a_checkpoint_of_another_recipe_is_not_gone_on_with(tmp_path):
    build.build("default", tmp_path, tmp_path / "out", TINY, lambda *told: None)
    other = replace(TINY, tokenizer=replace(TINY.tokenizer, edges=2.0))
    with pytest.raises(
        AssetError, match=r"digits.default.tokenizer.pt' was made by another recipe \(edges 1.0, asked 2"
    ):
        build.build("default", tmp_path, tmp_path / "out", other, lambda *told: None)


def test_missing_and_foreign_assets_are_told_with_the_command(tmp_path):
    with pytest.raises(AssetError, match="no built classifier in .*python -m fpd_bench.tracks build digits"):
        DigitsTrack("default", tmp_path)
    build.build("default", tmp_path / "work", tmp_path, TINY, lambda *told: None)
    file = files.path_of("teacher", "default", tmp_path)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(AssetError, match="default.teacher.safetensors has sha256 .* damaged, or another file"):
        DigitsTrack("default", tmp_path)


@pytest.mark.slow
def test_the_classifier_learns_what_a_digit_is():
    trained = ClassifierTraining(ClassifierRecipe(steps=40, batch=64, average=0.9))
    for _ in range(40):
        trained.advance()
    part = digits("validation")
    seen = classify(trained.model.eval(), part.images[:, None].float() / 255)
    assert (seen == part.labels).float().mean() > 0.6  # of ten classes, after seconds


def test_the_tokenizer_learns_to_reconstruct_and_its_codebook_follows_the_features():
    trained = TokenizerTraining(TokenizerRecipe(steps=60, batch=32), SMALL)
    losses = [trained.advance() for _ in range(60)]
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])
    images = digits("validation").images[::10, None].float() / 255
    with torch.no_grad():
        features = trained.model.features(images)
        codes = trained.model.nearest(features)
        error = (features - trained.model.codebook[codes]).square().mean()
    assert len(codes.unique()) > 8  # most of 32
    assert error < 0.5 * features.var()  # codes say where a feature is


def test_a_code_that_nothing_chooses_moves_to_a_feature():
    trained = TokenizerTraining(TokenizerRecipe(steps=10, batch=8), SMALL)
    trained.advance()
    trained.model.counts[3], trained.model.sums[3] = 0.0, 1e6
    trained.advance()
    assert trained.model.codebook[3].abs().max() < 1e3
