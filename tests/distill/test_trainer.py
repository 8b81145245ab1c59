"""The loop that every method shares: resumed runs, divergence, averages, the learning rate and the log."""

import copy
import math

import pytest
import torch

from fpd_bench.config.compose import compose
from fpd_bench.config.schema import OptimConfig
from fpd_bench.distill.trainer import PICTURES, Training, learning_rate, train
from fpd_bench.errors import Diverged, Interrupted

SMALL = [
    "track.preset=coarse", "drift.space=pixel", "drift.blocks=[]", "drift.grid=4", "optim.steps=6", "optim.batch=8",
    "optim.warmup=2", "optim.samples_per_condition=4", "execution.grid_every=0", "execution.log_every=1",
]  # fmt: skip


class Notebook:
    """A recorder in memory; asks to stop once `stop_at` is reached."""

    def __init__(self, state=None, stop_at=0):
        self.state, self.stop_at = state, stop_at
        self.rows, self.saved, self.pictures, self.step = [], {}, [], 0

    def log(self, row):
        self.rows.append(row)

    def picture(self, step, images):
        self.pictures.append((step, images))

    def save(self, step, state):
        self.saved[step] = copy.deepcopy(state)

    def load(self):
        return self.state

    def progress(self, step, steps):
        self.step = step

    def should_stop(self):
        return self.step == self.stop_at


def config(*overrides):
    return compose([*SMALL, *overrides])


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


RUNNING = ["drift.scale=running", "drift.equalise=running"]
MEMORY = ["drift.memory=12", "start.embedding_noise=0.2", "start.sampling=gumbel"]


@pytest.mark.parametrize(
    "overrides", [[], ["method=dimo"], ["estimator=soft", "optim.schedule=cosine"], RUNNING, MEMORY], ids=str
)
def test_a_stopped_training_goes_on_to_the_same_weights_and_log(overrides, small_track):
    whole, first = Notebook(), Notebook(stop_at=3)
    weights = train(config(*overrides), small_track, whole)
    with pytest.raises(Interrupted, match="stopped after step 3 of 6; the same command continues"):
        train(config(*overrides), small_track, first)
    assert list(first.saved) == [3]
    second = Notebook(first.saved[3])
    assert same(train(config(*overrides), small_track, second), weights)
    losses = [row["loss"] for row in first.rows + second.rows]
    assert losses == [row["loss"] for row in whole.rows] and len(losses) == 6


def test_the_seed_decides(small_track):
    weights = [train(config("optim.steps=1", f"seed={seed}"), small_track, Notebook()) for seed in (0, 0, 1)]
    assert same(weights[0], weights[1]) and not same(weights[0], weights[2])


@pytest.mark.parametrize("overrides", [[], ["start.sampling=gumbel"], ["method=dimo"]], ids=str)
def test_a_training_that_blows_up_is_diverged_and_says_when(overrides, small_track):
    with pytest.raises(Diverged):
        train(config(*overrides, "optim.lr=1e30", "optim.clip=0"), small_track, Notebook())


def test_a_gradient_that_is_not_finite_never_reaches_the_weights(small_track, monkeypatch):
    training = Training(config(), small_track)
    training.advance()
    before = copy.deepcopy(training.student.state_dict())

    def spoilt(student, condition, progress):
        for parameter in student.parameters():
            parameter.grad = torch.full_like(parameter, math.nan)
        return {"loss": 1.0}

    monkeypatch.setattr(training.method, "backward", spoilt)
    with pytest.raises(Diverged, match="gradient norm nan at step 1") as error:
        training.advance()
    assert error.value.step == 1 and same(training.student.state_dict(), before)


def test_weights_that_the_last_step_spoils_are_diverged_and_never_stored(small_track):
    too_far = ["optim.steps=1", "optim.warmup=0", "optim.lr=3e38", "optim.weight_decay=1", "optim.betas=[0,0]"]
    notebook = Notebook()
    with pytest.raises(Diverged, match="a weight is NaN or infinite after step 1 of 1") as error:
        train(config(*too_far, "execution.grid_every=1"), small_track, notebook)
    assert (error.value.step, notebook.saved) == (1, {})


def test_the_average_follows_the_weights(small_track):
    training = Training(config("optim.ema=0.5", "optim.lr=0.01"), small_track)
    name = "head.weight"
    average = training.average.state_dict()[name].clone()
    for step in range(3):
        training.advance()
        decay = min(0.5, (1 + step) / (10 + step))  # a short memory at first
        average = decay * average + (1 - decay) * training.student.state_dict()[name]
        torch.testing.assert_close(training.average.state_dict()[name], average)


def test_without_memory_the_average_is_the_student(small_track):
    weights = train(config("optim.ema=0", "optim.steps=2"), small_track, Notebook())
    averaged = {name: value for name, value in weights.items() if not name.startswith("raw.")}
    for name, value in averaged.items():
        torch.testing.assert_close(value, weights[f"raw.{name}"])


def test_the_learning_rate_warms_up_and_stays_or_falls_to_a_twentieth():
    constant = OptimConfig(steps=100, lr=2.0, warmup=4, schedule="constant")
    assert [learning_rate(constant, step) for step in (0, 1, 3, 4, 99)] == [0.5, 1.0, 2.0, 2.0, 2.0]
    cosine = OptimConfig(steps=100, lr=2.0, warmup=0, schedule="cosine")
    rates = [learning_rate(cosine, step) for step in range(101)]
    assert rates[0] == 2.0 and rates[50] == pytest.approx(1.05) and rates[100] == pytest.approx(0.1)
    assert rates == sorted(rates, reverse=True)


def test_the_gradient_is_clipped_but_its_norm_is_told(small_track):
    training = Training(config("optim.clip=1e-6"), small_track)
    row = training.advance()
    norm = torch.stack([p.grad.norm() for p in training.student.parameters() if p.grad is not None]).norm()
    assert row["gradient_norm"] > 1e-5 and float(norm) == pytest.approx(1e-6, rel=1e-2)


def test_what_is_logged_drawn_and_saved_when(small_track):
    overrides = ["execution.log_every=4", "execution.grid_every=4", "execution.checkpoint_every=4"]
    notebook = Notebook()
    train(config(*overrides), small_track, notebook)
    assert [row["step"] for row in notebook.rows] == [1, 4, 6]
    told = {"entropy", "agreement", "gradient_norm", "seconds/refine"}
    assert told < set(notebook.rows[0]) and 0.1 < notebook.rows[0]["memory_gb"] < 1000
    assert [step for step, _ in notebook.pictures] == [0, 4, 6]
    assert list(notebook.saved) == [4, 6]
    images = notebook.pictures[0][1]
    assert images.shape == (2 * PICTURES, 3, 32, 32) and images.min() >= 0 and images.max() <= 1


def test_pictures_and_logs_change_no_numbers(small_track):
    plain = train(config("optim.steps=2"), small_track, Notebook())
    busy = train(
        config("optim.steps=2", "execution.grid_every=1", "execution.checkpoint_every=1"), small_track, Notebook()
    )
    assert same(plain, busy)


def test_a_stop_at_the_last_step_is_the_end(small_track):
    notebook = Notebook(stop_at=2)
    train(config("optim.steps=2"), small_track, notebook)
    assert list(notebook.saved) == [2]
