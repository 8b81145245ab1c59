"""The images of a run: numbered, keyed by seed, suite, item and replicate, and nothing else."""

import itertools

import numpy as np
import pytest
import torch

from fpd_bench.bench import Suite
from fpd_bench.config.compose import compose
from fpd_bench.config.schema import StartConfig
from fpd_bench.models.streams import generator_of
from fpd_bench.runs.perform.suite_images import run_images, sample_one_step, to_pixels


@pytest.fixture(scope="module")
def suite(small_track):
    whole = small_track.suite("test")
    return Suite(whole.name, whole.items[:3], whole.condition[:3], whole.score)


def images(track, suite, *overrides, student=True):
    config = compose(["track.preset=coarse", "evaluation.teacher_steps=2", *overrides])
    network = track.new_student().eval() if student else None
    return {(item, k): image for item, k, image in run_images(config, track, network, suite, 2)}


def test_the_noise_has_a_key_and_every_part_of_it_counts():
    keys = [(0, "a", "x", 0), (1, "a", "x", 0), (0, "b", "x", 0), (0, "a", "y", 0), (0, "a", "x", 1)]
    draws = [torch.rand(4, generator=generator_of(*key)) for key in keys]
    assert torch.equal(draws[0], torch.rand(4, generator=generator_of(*keys[0])))
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(draws, 2))


@pytest.mark.parametrize("student", [True, False], ids=["student", "teacher"])
def test_every_item_and_replicate_in_order(student, small_track, suite):
    found = images(small_track, suite, student=student)
    assert list(found) == [(item, k) for item in range(3) for k in range(2)]
    assert all(image.shape == (32, 32, 3) and image.dtype == np.uint8 for image in found.values())


def test_runs_that_differ_in_training_only_share_their_noise(small_track, suite):
    first = images(small_track, suite)
    assert all(np.array_equal(image, first[key]) for key, image in images(small_track, suite, "optim.lr=0.5").items())
    other = images(small_track, suite, "seed=1")
    assert any(not np.array_equal(image, first[key]) for key, image in other.items())


def test_temperature_is_read(small_track, suite):
    """Almost argmax: the draft depends on the start only, not on the uniforms that sample it."""
    noise = [generator_of(0, "x", str(i), 0) for i in range(3)]
    student = small_track.new_student()
    cold = sample_one_step(small_track, student, suite.condition, StartConfig(r_init=1.0, temperature=1e-4), noise)
    masked = torch.full((3, small_track.n_tokens), small_track.n_codes)
    assert torch.equal(cold, student(masked, suite.condition).argmax(-1))


def test_pixels_are_rounded_to_the_nearest_level(small_track, suite):
    codes = torch.arange(3 * small_track.n_tokens).reshape(3, -1) % small_track.n_codes
    pixels = to_pixels(small_track, codes, suite.condition)
    exact = small_track.tokenizer.decode(small_track.tokenizer.codebook[codes]) * 255
    assert pixels.dtype == np.uint8 and np.abs(pixels - exact.permute(0, 2, 3, 1).numpy()).max() <= 0.5 + 1e-4
