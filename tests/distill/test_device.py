"""Everything is where the track is, and a training has the numbers it has on the CPU: proved on a pretended GPU."""

import copy
import io

import numpy as np
import pytest
import torch

from fpd_bench.config.compose import compose
from fpd_bench.distill.trainer import Training
from fpd_bench.errors import ConfigError
from fpd_bench.models import devices
from fpd_bench.runs.perform.stages import Bench
from fpd_bench.runs.perform.suite_images import run_images
from tests.distill.elsewhere import GPU, Machine, Remote

SMALL = [
    "track.preset=coarse", "optim.steps=2", "optim.batch=4", "optim.warmup=0", "optim.samples_per_condition=2",
    "drift.blocks=[1,2]", "execution.grid_every=0",
]  # fmt: skip
VARIANTS = [
    ["gan.weight=1"],
    ["estimator=soft", "draft=random", "execution.micro_batch=2"],
    ["method=dimo"],
    ["drift.space=pixel", "drift.blocks=[]", "optim.samples_per_condition=1"],
]


def trained(track, overrides):
    """(weights, what was logged, picture, checkpoint) after two steps."""
    training = Training(compose([*SMALL, *overrides]), track)
    rows = [training.advance() for _ in range(2)]
    state = training.state_dict()
    again = Training(compose([*SMALL, *overrides]), track)
    again.load_state_dict(state)
    logged = [{k: v for k, v in row.items() if not k.startswith("seconds")} for row in rows]
    return training.student.state_dict(), logged, training.picture(), again


def here(tensor):
    return tensor.held if isinstance(tensor, Remote) else tensor


@pytest.mark.parametrize("overrides", VARIANTS, ids=lambda value: value[0])
def test_a_training_elsewhere_has_the_numbers_of_one_on_the_cpu(overrides, small_track):
    weights, rows, picture, _ = trained(small_track, overrides)
    with Machine():
        track = copy.deepcopy(small_track).to(GPU)
        remote, remote_rows, remote_picture, again = trained(track, overrides)
    assert all(isinstance(value, Remote) for value in remote.values())
    for name, value in weights.items():  # other kernels there, and Adam makes whole steps of tiny gradients
        torch.testing.assert_close(here(remote[name]), value, rtol=1e-3, atol=2e-4)
    assert remote_rows[0]["loss"] == pytest.approx(rows[0]["loss"], rel=1e-4)
    assert remote_rows[0]["commonest_code"] == rows[0]["commonest_code"]  # the same draft from the same noise
    assert here(remote_picture).shape == picture.shape
    assert all(torch.equal(here(value), here(remote[name])) for name, value in again.student.state_dict().items())


@pytest.mark.parametrize("who", ["student", "teacher"])
def test_images_drawn_elsewhere_are_the_same(who, small_track):
    def images(track):
        config, suite = compose(SMALL), track.suite("validation")
        student = track.new_student() if who == "student" else None
        drawn = run_images(config, track, student, suite, 1)
        return np.stack([next(drawn)[2] for _ in range(4)])

    with Machine():
        elsewhere = images(copy.deepcopy(small_track).to(GPU))
    assert np.array_equal(elsewhere, images(small_track))


def test_a_tensor_left_behind_would_be_found():
    with Machine(), pytest.raises(RuntimeError, match="same device"):
        torch.ones(3).to(GPU) + torch.ones(3)
    with Machine(), pytest.raises(RuntimeError, match="generator"):
        torch.rand(3, device=GPU, generator=torch.Generator())


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has one")
@pytest.mark.parametrize(("device", "words"), [("cuda", "has none"), ("cuda:3", "has none"), ("mps", "has none")])
def test_a_device_that_is_not_here_is_told_with_those_that_are(device, words):
    with pytest.raises(ConfigError, match=f"execution.device={device}, but this machine {words}. Choices here: cpu"):
        Bench().track(compose([*SMALL, f"execution.device={device}"]))


def test_the_cpu_is_always_there():
    assert devices.available_devices()[0] == "cpu" and devices.open_device("cpu") == torch.device("cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_real_gpu(small_track):
    weights, rows, _, _ = trained(small_track, [])
    track = copy.deepcopy(small_track).to("cuda")
    remote, remote_rows, picture, again = trained(track, [])
    torch.save(again.state_dict(), io.BytesIO())
    assert picture.device.type == "cuda" and remote_rows[0]["loss"] == pytest.approx(rows[0]["loss"], rel=1e-3)
    for name, value in remote.items():
        torch.testing.assert_close(value.cpu(), weights[name], rtol=1e-2, atol=1e-4)
