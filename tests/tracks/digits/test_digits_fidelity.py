"""FID and its kin for the digits: what is compared with what, the floor beside, and what a number says of itself."""

import numpy as np
import pytest

from fpd_bench.config.check import check
from fpd_bench.config.compose import compose
from fpd_bench.errors import ConfigError
from fpd_bench.evals.fidelity.image_streams import InMemory
from fpd_bench.tracks.digits import data, files
from fpd_bench.tracks.digits.fidelity import compare, measure_against, pixels_of, real_images

CLASSIFIER = files.path_of("classifier", "default")
SPREAD = "fid_sampling_sd"  # no metric of tables: how far FID moves when the images are drawn anew
NAMES = {"fid", "is", "precision", "recall", "kid", "density", "coverage", "fid_inf"}


def measured(images, split="test"):
    return compare(InMemory(images), split, CLASSIFIER, "cpu", lambda done, total: None)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_the_floor_is_real_images_of_the_part_that_is_not_the_reference():
    assert data.digits("validation").images.shape == data.digits("heldout").images.shape
    for split, part in (("test", "validation"), ("validation", "heldout")):
        (found,) = real_images(split, 300).batches(1000)
        wanted = {image.tobytes() for image in pixels_of(part)}
        assert len(found) == 300 and {image.tobytes() for image in found} <= wanted
    assert len(real_images("test", 4000)) == 1000


def test_each_number_names_n_split_and_extractor(tmp_path):
    path = tmp_path / "samples.npz"
    np.savez(path, images=pixels_of("train")[::3])
    rows = measure_against("test", CLASSIFIER)(path, "cpu", lambda done, total: None)
    found = {row["metric"]: row for row in rows}
    assert set(found) == {*NAMES, SPREAD} | {f"real_{name}" for name in (*NAMES, SPREAD)}
    for row in rows:
        assert row["n"] == row["protocol"]["images"] == 1000
        assert row["protocol"]["reference"] == "1000 heldout digits" and row["protocol"]["reference_images"] == 1000
        assert row["protocol"]["weights_sha256"] == files.read_verified("classifier", "default")[2]
    assert 0 < found["real_fid"]["value"] < 10 * abs(found["fid"]["value"])


def test_worse_images_score_worse_in_every_number():
    real = pixels_of("validation")
    noise = np.random.default_rng(0).integers(-80, 80, real.shape)
    noisy = (real + noise).clip(0, 255).astype(np.uint8)
    clean, bad = measured(real).values, measured(noisy).values
    assert clean.keys() == NAMES | {SPREAD}
    for name in ("fid", "fid_inf"):
        assert bad[name] > 3 * abs(clean[name])
    assert bad["kid"] > clean["kid"] + 0.02
    for name in ("is", "precision", "density", "coverage"):
        assert bad[name] < clean[name]


def test_a_generator_of_one_class_is_seen():
    ones = pixels_of("validation")[100:200].repeat(10, axis=0)
    whole, one = measured(pixels_of("validation")).values, measured(ones).values
    assert one["coverage"] < 0.2 and one["recall"] < 0.2 and one["is"] < 1.5 < whole["is"]


def test_images_of_another_size_are_refused():
    with pytest.raises(ConfigError, match="preset 'digits' compares images of 32 x 32"):
        measured(np.zeros((40, 28, 28, 3), np.uint8))


def test_a_comparison_with_train_images_is_refused():
    with pytest.raises(
        ConfigError, match="track 'digits' cannot be used with evaluation.fidelity=lite0: this track compares with held"
    ):
        check(compose(["track.name=digits", "evaluation.fidelity=lite0"]))
