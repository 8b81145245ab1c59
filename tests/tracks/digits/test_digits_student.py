"""A student of the digits, through the trainer that every track shares, to images that the suite can judge."""

import numpy as np
import torch

from fpd_bench.config.compose import compose
from fpd_bench.distill.trainer import train
from fpd_bench.models.streams import generator_of
from fpd_bench.runs.perform.suite_images import sample_one_step, to_pixels

SMALL = ("optim.steps=3", "optim.batch=8", "optim.samples_per_condition=4", "drift.blocks=[2]", "execution.log_every=1")


class Recorder:
    """Keeps what the trainer says."""

    def __init__(self):
        self.rows = []

    def log(self, row):
        self.rows.append(row)

    def picture(self, step, images): ...

    def save(self, step, state): ...

    def load(self):
        return None

    def progress(self, step, steps): ...

    def should_stop(self):
        return False


def test_fpd_trains_a_student_with_the_adversary_of_real_images(small_digits):
    config, recorder = compose(["track.name=digits", "gan.weight=0.1", *SMALL]), Recorder()
    weights = train(config, small_digits, recorder)
    assert len(recorder.rows) == 3 and all(np.isfinite(row["loss"]) for row in recorder.rows)
    raw = {name.removeprefix("raw."): value for name, value in weights.items() if name.startswith("raw.")}
    before = small_digits.teacher.state_dict()
    assert any(not torch.equal(value, before[name]) for name, value in raw.items())
    student = small_digits.new_student()
    student.load_state_dict(raw)
    suite = small_digits.suite("test")
    noise = [generator_of(0, suite.name, item.id, 0) for item in suite.items[:4]]
    codes = sample_one_step(small_digits, student, suite.condition[:4], config.start, noise)
    images = to_pixels(small_digits, codes, suite.condition[:4])
    assert (images.shape, str(images.dtype)) == ((4, 32, 32, 3), "uint8")
    assert len(suite.score(images, list(suite.items[:4]))) == 4
