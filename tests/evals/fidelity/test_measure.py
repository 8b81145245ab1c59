"""FID, IS, precision, recall: against formulas written independently here, and against what they must never be."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import linalg
from scipy.spatial.distance import cdist
from scipy.special import log_softmax

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.fidelity.image_streams import open_images
from fpd_bench.evals.fidelity.measure import measure
from fpd_bench.evals.fidelity.reference import open_reference

spec = importlib.util.spec_from_file_location("fidelity_conftest", Path(__file__).with_name("conftest.py"))
helpers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(helpers)
random_images = helpers.random_images


def features(pixels):
    """What the tiny extractor makes of uint8 [n, H, W, 3], as float64."""
    network = helpers.TinyExtractor("tiny-extractor", ["vector", "logits"])
    both = network(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    return tuple(part.double().numpy() for part in both)


@pytest.fixture
def both(folder):
    made, real = random_images(120, 1, 0.1), random_images(90, 2)
    return made, real, folder("made", made), folder("real", real)


def test_fid_is_the_formula_with_a_matrix_square_root(tiny, both):
    made, real, here, there = both
    a, b = features(made)[0], features(real)[0]
    s1, s2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(s1 @ s2).real
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s1 + s2 - 2 * root)
    found = measure(open_images(here), open_reference(there), tiny)
    assert found.values["fid"] == pytest.approx(expected, rel=1e-3)
    assert expected > 0.01


def test_inception_score_is_the_formula_on_the_recorded_shuffle(tiny, both):
    made, _, here, there = both
    logs = log_softmax(features(made)[1][np.random.RandomState(2020).permutation(len(made))], axis=1)
    scores = []
    for part in np.split(logs, tiny.splits):
        marginal = np.log(np.exp(part).mean(0))
        scores.append(np.exp((np.exp(part) * (part - marginal)).sum(1).mean()))
    found = measure(open_images(here), open_reference(there), tiny)
    assert found.values["is"] == pytest.approx(np.mean(scores), rel=1e-4)
    assert np.mean(scores) > 1.02


def test_precision_and_recall_are_shares_inside_k_nearest_balls(tiny, both):
    made, real, here, there = both
    a, b = features(made)[0], features(real)[0]

    def inside(points, centres):
        radius = np.sort(cdist(centres, centres), axis=1)[:, tiny.neighbours]
        return (cdist(points, centres) <= radius + 1e-9).any(1).mean()

    found = measure(open_images(here), open_reference(there), tiny).values
    assert found["precision"] == pytest.approx(inside(a, b), abs=0.02)
    assert found["recall"] == pytest.approx(inside(b, a), abs=0.02)


def test_a_collapsed_generator_is_precise_and_recalls_nothing(tiny, folder):
    real = random_images(60, 2)
    one = np.repeat(real[:1], 60, axis=0)
    found = measure(open_images(folder("one", one)), open_reference(folder("real", real)), tiny).values
    assert (found["precision"], found["recall"]) == (1.0, pytest.approx(1 / 60))


def test_equal_sets_have_no_distance(tiny, folder):
    pixels = random_images(60, 2)
    found = measure(open_images(folder("a", pixels)), open_reference(folder("b", pixels)), tiny).values
    assert found["fid"] == pytest.approx(0, abs=1e-6) and found["precision"] == found["recall"] == 1
    assert found["kid"] == pytest.approx(0, abs=0.1)


def test_a_reference_as_published_gives_what_its_images_give(tiny, both, tmp_path):
    _, real, here, there = both
    vectors = features(real)[0]
    path = tmp_path / "reference.npz"
    np.savez(path, mu=vectors.mean(0).astype(np.float32), sigma=np.cov(vectors, rowvar=False), arr_0=real)
    whole, images = (measure(open_images(here), open_reference(at), tiny) for at in (path, there))
    assert whole.values == pytest.approx(images.values, rel=1e-3)
    np.savez(tmp_path / "statistics.npz", mu=vectors.mean(0), sigma=np.cov(vectors, rowvar=False))
    bare = measure(open_images(here), open_reference(tmp_path / "statistics.npz"), tiny)
    assert (
        set(bare.values) == {"fid", "fid_sampling_sd", "is"}
        and "precision, recall and KID cannot be computed" in bare.notes[0]
    )


def test_any_packing_of_the_same_images_gives_the_same_numbers(tiny, both, tmp_path):
    made, _, here, there = both
    (tmp_path / "packed").mkdir()
    np.savez_compressed(tmp_path / "packed/1.npz", images=made[:100].reshape(25, 4, 8, 8, 3))
    np.savez(tmp_path / "packed/2.npz", images=made[100:])
    reference = open_reference(there)
    found = [measure(open_images(path), reference, tiny).values for path in (here, tmp_path / "packed")]
    assert found[0] == found[1]


def test_batches_never_hold_the_whole_file(tmp_path):
    np.savez_compressed(tmp_path / "big.npz", arr_0=np.zeros((1000, 64, 64, 3), dtype=np.uint8))
    sizes = [len(batch) for batch in open_images(tmp_path / "big.npz").batches(64)]
    assert sum(sizes) == 1000 and max(sizes) == 64
    import tracemalloc

    tracemalloc.start()
    for _ in open_images(tmp_path / "big.npz").batches(64):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * 1000 * 64 * 64 * 3


def test_features_are_kept_by_content(tiny, both, tmp_path, extractor):
    _, _, here, there = both
    before = extractor.opened
    first = measure(open_images(here), open_reference(there), tiny, cache=tmp_path / "cache")
    (tmp_path / "moved").mkdir()
    for path in here.iterdir():
        path.rename(tmp_path / "moved" / path.name)
    again = measure(open_images(tmp_path / "moved"), open_reference(there), tiny, cache=tmp_path / "cache")
    assert extractor.opened == before + 2 and again == first  # one opening for each of the two sets
    for kept in (tmp_path / "cache").iterdir():
        kept.write_bytes(kept.read_bytes()[:50])
    assert measure(open_images(tmp_path / "moved"), open_reference(there), tiny, cache=tmp_path / "cache") == first


def test_the_protocol_tells_apart_what_must_not_be_compared(tiny, both, tmp_path):
    _, _, here, there = both
    reference = open_reference(there)
    first = measure(open_images(here), reference, tiny)
    renamed = measure(open_images(here), replace(reference, name="other"), tiny)
    assert renamed.id == first.id and renamed.protocol["reference"] == "other"
    others = [
        measure(open_images(here), reference, replace(tiny, neighbours=5)),
        measure(open_images(here), open_reference(here), tiny),
    ]
    next(here.iterdir()).unlink()
    others.append(measure(open_images(here), reference, tiny))  # one image fewer
    assert len({first.id, *(other.id for other in others)}) == 4
    assert {"evaluator", "reference_sha256", "images", "resize", "weights_sha256"} <= set(first.protocol)


def test_what_cannot_be_compared_is_refused(tiny, both, folder, tmp_path):
    _, real, here, there = both
    reference = open_reference(there)
    with pytest.raises(ConfigError, match="7 images are too few.*needs 8 or more"):
        measure(open_images(folder("few", real[:7])), reference, tiny)
    with pytest.raises(ConfigError, match="The images have 8 x 8 px.*compares images of 16 x 16"):
        measure(open_images(here), reference, replace(tiny, size=16))
    with pytest.raises(ConfigError, match="Nothing is resized here"):
        mixed = folder("mixed", real[:20])
        helpers.Image.fromarray(random_images(1, 0, side=9)[0]).save(mixed / "99999.png")
        measure(open_images(mixed), reference, tiny)
    np.savez(tmp_path / "foreign.npz", mu=np.zeros(3), sigma=np.eye(3))
    with pytest.raises(AssetError, match="3 dimensions, but the features here have 6"):
        measure(open_images(here), open_reference(tmp_path / "foreign.npz"), tiny)
    np.savez(tmp_path / "floats.npz", arr_0=np.zeros((3, 8, 8, 3)))
    with pytest.raises(AssetError, match="images must be uint8"):
        open_images(tmp_path / "floats.npz")


def test_two_halves_tell_how_far_fid_moves_when_the_images_are_drawn_again(tiny, folder, tmp_path):
    vectors = features(random_images(400, 0))[0]
    np.savez(tmp_path / "statistics.npz", mu=vectors.mean(0), sigma=np.cov(vectors, rowvar=False))
    real = open_reference(tmp_path / "statistics.npz")
    draws = [open_images(folder(f"draw{n}", random_images(100, n, 0.1))) for n in range(1, 31)]
    found = [measure(images, real, tiny).values for images in draws]
    drawn = np.std([values["fid"] for values in found], ddof=1)
    halves = np.sqrt(np.mean([values["fid_sampling_sd"] ** 2 for values in found]))
    assert halves == pytest.approx(drawn, rel=0.4)
