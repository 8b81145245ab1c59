"""Images and references of `python -m fpd_bench.evals.fidelity`: read as they were meant, or refused in one line."""

import importlib.util
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.special import log_softmax

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.fidelity.__main__ import main
from fpd_bench.evals.fidelity.image_streams import open_images
from fpd_bench.evals.fidelity.measure import inception_score, measure
from fpd_bench.evals.fidelity.presets import ADM, LITE0
from fpd_bench.evals.fidelity.reference import open_reference
from tests.files.made import SIDE, deep

spec = importlib.util.spec_from_file_location("fidelity_conftest", Path(__file__).with_name("conftest.py"))
helpers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(helpers)
random_images = helpers.random_images
D = helpers.D


@pytest.fixture
def made(folder):
    return folder("made", random_images(24, 1))


@pytest.fixture
def real(folder):
    return folder("real", random_images(24, 2))


def refused(capsys, images, reference, *words):
    """The one line that the command ends with."""
    assert main([str(images), "--reference", str(reference), "--preset", "lite0", "--no-cache", *words]) == 2
    out, err = capsys.readouterr()
    progress = ("24 images against", "24 / 24")
    lines = [line for line in err.splitlines() if line and not line.startswith(progress)]
    assert out == "" and len(lines) == 1, err
    return lines[0]


# ------------------------------------------------------------------------------------------------ folders of images
def add(folder, what):
    return {
        "a gif": lambda: Image.fromarray(random_images(1, 0)[0]).save(folder / "x.gif"),
        "an array": lambda: np.save(folder / "x.npy", random_images(1, 0)),
        "16 bits": lambda: (folder / "00003.png").write_bytes(deep(0, 1)),
        "a folder of that name": lambda: (folder / "x.png").mkdir(),
        "a pipe of that name": lambda: os.mkfifo(folder / "x.png"),
        "a link to nothing": lambda: (folder / "x").symlink_to(folder / "gone"),
        "a link up": lambda: (folder / "x").symlink_to(folder),
        "a broken image": lambda: (folder / "00003.png").write_bytes((folder / "00003.png").read_bytes()[:-20]),
        "an empty image": lambda: (folder / "00003.png").write_bytes(b""),
        "another size": lambda: Image.fromarray(random_images(1, 0, side=9)[0]).save(folder / "00003.png"),
        "packed images": lambda: np.savez(folder / "x.npz", arr_0=random_images(1, 0)),
        "an unfinished image": lambda: (folder / "x.png.part").write_bytes((folder / "00003.png").read_bytes()),
    }[what]()


SAID = {
    "a gif": "x.gif' may hold images",
    "an array": "x.npy' may hold images",
    "16 bits": "00003.png' has more than 8 bits",
    "a folder of that name": "x.png' is a folder",
    "a pipe of that name": "x.png' is neither a file nor a folder",
    "a link to nothing": "x' is a link to a file that does not exist",
    "a link up": "would count twice",
    "a broken image": "Cannot read the image",
    "an empty image": "it is empty",
    "another size": "Nothing is resized here",
    "packed images": "holds both images and .npz files",
    "an unfinished image": "x.png.part' may hold images",
}


@pytest.mark.parametrize("side", ["made", "real"])
@pytest.mark.parametrize("what", SAID)
def test_a_folder_in_doubt_is_refused_on_both_sides(made, real, side, what, capsys):
    add({"made": made, "real": real}[side], what)
    assert SAID[what] in refused(capsys, made, real)


def test_linked_folders_count_and_checkpoints_of_notebooks_do_not(made, folder, tiny, real):
    more = folder("more", random_images(10, 3))
    (made / "linked").symlink_to(more)
    (made / ".ipynb_checkpoints").mkdir()
    Image.fromarray(random_images(1, 4)[0]).save(made / ".ipynb_checkpoints/a-checkpoint.png")
    assert measure(open_images(made), open_reference(real), tiny).protocol["images"] == 34


# ----------------------------------------------------------------------------------------------------- packed images
def packed(path, how):
    pixels = random_images(24, 1)
    return {
        "two arrays": lambda: np.savez(path, arr_0=pixels, images=pixels),
        "no array": lambda: np.savez(path, labels=np.arange(3)),
        "nothing": lambda: path.write_bytes(b""),
        "text": lambda: path.write_bytes(b"words"),
        "16 bits": lambda: np.savez(path, arr_0=pixels.astype(np.uint16)),
        "signs": lambda: np.savez(path, arr_0=pixels.astype(np.int8)),
        "objects": lambda: np.savez(path, arr_0=np.array([{}, None], dtype=object)),
        "channels first": lambda: np.savez(path, arr_0=pixels.transpose(0, 3, 1, 2)),
        "columns first": lambda: np.savez(path, arr_0=np.asfortranarray(pixels)),
        "one image": lambda: np.savez(path, arr_0=pixels[0]),
        "no image": lambda: np.savez(path, arr_0=pixels[:0]),
        "no height": lambda: np.savez(path, arr_0=pixels[:, :0]),
        "a lying header": lambda: lying(path, pixels, (24, 8, 9, 3)),
        "an endless header": lambda: lying(path, pixels, (10**12, 8, 8, 3)),
        "a header below nothing": lambda: lying(path, pixels, (-24, -8, 8, 3)),
        "a flipped byte": lambda: flipped(path, pixels),
        "a folder": lambda: path.mkdir(),
        "a pipe": lambda: os.mkfifo(path),
    }[how]()


def lying(path, pixels, shape):
    with zipfile.ZipFile(path, "w") as archive, archive.open("arr_0.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        file.write(pixels.tobytes())


def flipped(path, pixels):
    np.savez(path, arr_0=pixels)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


PACKED = {
    "two arrays": "images must be under exactly one of the names arr_0 and images",
    "no array": "has the arrays labels; images must be under",
    "nothing": "cannot be read as .npz",
    "text": "cannot be read as .npz",
    "16 bits": "holds uint16",
    "signs": "holds int8",
    "objects": "arr_0",
    "channels first": "images must be uint8 [n, H, W, 3]",
    "columns first": "images must be uint8 [n, H, W, 3]",
    "one image": "images must be uint8 [n, H, W, 3]",
    "no image": "images must be uint8 [n, H, W, 3]",
    "no height": "images must be uint8 [n, H, W, 3]",
    "a lying header": "says uint8 [24, 8, 9, 3]",
    "an endless header": "says uint8 [1000000000000, 8, 8, 3]",
    "a header below nothing": "says uint8 [-24, -8, 8, 3]",
    "a flipped byte": "Bad CRC-32",
    "a folder": "x.npz' holds no images",
    "a pipe": "x.npz' is neither a folder of images nor an .npz file",
}


@pytest.mark.parametrize("how", PACKED)
def test_packed_images_in_doubt_are_refused(tmp_path, real, how, capsys):
    packed(tmp_path / "x.npz", how)
    assert PACKED[how] in refused(capsys, tmp_path / "x.npz", real)


def test_packed_images_in_folders_are_named(made, real, tmp_path, capsys):
    (tmp_path / "runs/a").mkdir(parents=True)
    np.savez(tmp_path / "runs/a/x.npz", arr_0=random_images(24, 1))
    assert "runs/a/x.npz'. Name the subfolder or the file" in refused(capsys, tmp_path / "runs", real)


# -------------------------------------------------------------------------------------------------------- references
def statistics(wide=1280, **changed):
    return {"mu": np.zeros(wide), "sigma": np.eye(wide), **changed}


def without(array, value, *where):
    array = array.copy()
    array[where] = value
    return array


MU, SIGMA = np.zeros(1280), np.eye(1280)
REFERENCES = {
    "nan in mu": (statistics(mu=without(MU, np.nan, 3)), "has 1 values in mu that are NaN or infinite"),
    "inf in sigma": (statistics(sigma=without(SIGMA, np.inf, 3, 3)), "has 1 values in sigma that are NaN or infinite"),
    "minus in sigma": (statistics(sigma=without(SIGMA, -1, 3, 3)), "is not a covariance"),
    "a lopsided sigma": (statistics(sigma=without(SIGMA, 9, 3, 4)), "is not a covariance"),
    "mu alone": ({"mu": MU}, "it needs both mu and sigma, or neither"),
    "sigma beside images": ({"sigma": SIGMA, "arr_0": random_images(24, 1)}, "it needs both mu and sigma, or neither"),
    "rows": (statistics(mu=MU[None]), "mu must be float [D]"),
    "another square": (statistics(sigma=np.eye(3)), "sigma float [D, D]"),
    "no dimension": ({"mu": np.zeros(0), "sigma": np.zeros((0, 0))}, "mu must be float [D]"),
    "whole numbers": (statistics(mu=MU.astype(int)), "mu must be float [D]"),
    "complex numbers": (statistics(mu=MU.astype(complex)), "mu must be float [D]"),
    "objects": (statistics(mu=np.array([None], dtype=object)), "mu"),
    "other features": (statistics(wide=7), "7 dimensions, but the features here have 1280"),
    "neither": ({"labels": np.arange(3)}, "it needs mu and sigma, or arr_0"),
    "three images": ({"arr_0": random_images(3, 1)}, "has 3 images, but needs 4 or more: precision, recall"),
    "three images beside statistics": (statistics(arr_0=random_images(3, 1)), "has 3 images"),
}


@pytest.mark.parametrize("how", REFERENCES)
def test_a_reference_in_doubt_is_refused(made, tmp_path, how, capsys):
    content, said = REFERENCES[how]
    np.savez(tmp_path / "reference.npz", **content)
    assert said in refused(capsys, made, tmp_path / "reference.npz")


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_folder_of_three_or_fewer_is_no_reference(made, folder, n, capsys):
    assert f"has {n} images, but needs 4 or more: precision, recall" in refused(
        capsys, made, folder("few", random_images(n, 2))
    )


def test_four_images_are_a_reference(made, folder, tiny):
    found = measure(open_images(made), open_reference(folder("four", random_images(4, 2))), tiny)
    assert all(np.isfinite(value) for value in found.values.values()) and set(found.values) >= {"fid", "recall"}


def test_density_needs_six_images_of_a_reference(made, folder, tiny):
    preset = replace(tiny, also=("density",))
    with pytest.raises(ConfigError, match="has 5 images, but needs 6 or more"):
        measure(open_images(made), open_reference(folder("five", random_images(5, 2))), preset)
    assert "density" in measure(open_images(made), open_reference(folder("six", random_images(6, 2))), preset).values


def test_a_reference_that_is_no_file(made, tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.npz")
    assert "is not a regular file" in refused(capsys, made, tmp_path / "pipe.npz")
    (tmp_path / "folder.npz").mkdir()
    assert "holds no images" in refused(capsys, made, tmp_path / "folder.npz")
    assert "There is no reference" in refused(capsys, made, tmp_path / "nothing.NPZ")


# ------------------------------------------------------------------------------------------ features, cache, weights
def test_features_that_are_no_numbers_are_named(tiny, made, real, extractor, monkeypatch):
    whole = extractor.forward

    def broken(self, images):
        vectors, logits = whole(self, images)
        vectors[5] = torch.nan
        return vectors, logits

    monkeypatch.setattr(extractor, "forward", broken)
    with pytest.raises(AssetError, match="NaN or infinite features for 1 of 24 images, the first of them image 6"):
        measure(open_images(made), open_reference(real), tiny)


def test_a_flipped_byte_in_the_cache_changes_no_number(tiny, made, real, tmp_path, extractor):
    first = measure(open_images(made), open_reference(real), tiny, cache=tmp_path / "cache")
    for path in (tmp_path / "cache").iterdir():
        content = bytearray(path.read_bytes())
        content[-7] ^= 64  # an exponent
        path.write_bytes(content)
    before = extractor.opened
    assert measure(open_images(made), open_reference(real), tiny, cache=tmp_path / "cache") == first
    assert extractor.opened == before + 2


def test_a_cache_that_is_a_file_is_told(made, real, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main([str(made), "--reference", str(real), "--preset", "lite0", "--cache", str(tmp_path / "file")]) == 2
    assert "Name another file or folder" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("content", [b"", b"words", b"PK\3\4" + bytes(40), b"\x80\x02cos\nsystem\nX\2\0\0\0ls\x85R."])
def test_weights_that_are_none_are_told_without_torchs_advice(made, real, tmp_path, content, capsys):
    (tmp_path / "inception.pth").write_bytes(content)
    words = [str(made), "--reference", str(real), "--no-cache", "--weights", str(tmp_path / "inception.pth")]
    assert main(words) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert ("cannot be read: " in said or "would run code (os.system)" in said) and "weights_only" not in said


# --------------------------------------------------------------------------------------------------- Inception Score
def by_adm(logits, size=5000):
    """guided-diffusion's evaluator: consecutive parts of `size`, the last as long as it is."""
    scores = []
    for first in range(0, len(logits), size):
        log_p = log_softmax(logits[first : first + size], axis=1)
        p = np.exp(log_p)
        scores.append(np.exp((p * (log_p - np.log(p.mean(0, keepdims=True)))).sum(1).mean()))
    return float(np.mean(scores))


@pytest.mark.parametrize("n", [300, 5000, 5001, 10_000, 12_000])
def test_the_inception_score_of_adm_has_splits_of_5000(n):
    logits = np.random.default_rng(0).normal(size=(n, 200)) * 8
    order = np.random.RandomState(2020).permutation(n)
    expected = by_adm(logits[order])
    assert inception_score(torch.from_numpy(logits), ADM) == pytest.approx(expected, rel=1e-9)
    if n == 10_000:
        tenths = inception_score(torch.from_numpy(logits), replace(ADM, split_images=0))
        assert tenths < 0.97 * expected  # ten splits of 1,000, as before, are another number


def test_50000_images_have_ten_splits_under_either_rule():
    assert ADM.split_sizes(50_000) == LITE0.split_sizes(50_000) == [5000] * 10
    assert ADM.split_sizes(12_000) == [5000, 5000, 2000] and ADM.split_sizes(7) == [7]
    assert LITE0.split_sizes(25) == [2, 3, 2, 3, 2, 3, 2, 3, 2, 3]


def test_another_number_of_images_than_the_papers_is_noted(tiny, made, real):
    preset = replace(tiny, split_images=10, papers=50_000)
    found = measure(open_images(made), open_reference(real), preset)
    assert found.protocol["splits"] == 3 and "split_images" not in found.protocol
    (said,) = [note for note in found.notes if "papers use 50,000" in note]
    assert "here 3 splits of 10, the last of 4" in said
    assert not any("papers" in note for note in measure(open_images(made), open_reference(real), tiny).notes)


def test_too_few_images_are_told_before_the_network_is_opened(tiny, folder, real, extractor):
    before = extractor.opened
    with pytest.raises(ConfigError, match="3 images are too few.*needs 4 or more"):
        measure(open_images(folder("few", random_images(3, 1))), open_reference(real), replace(tiny, split_images=10))
    assert extractor.opened == before and SIDE > 8
