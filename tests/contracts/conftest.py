"""What the shared suites need: small runs of every method on the small track, and gradients as one vector."""

import pytest
import torch

from fpd_bench.config.compose import compose
from fpd_bench.distill.method import new_student
from fpd_bench.models.streams import Streams
from fpd_bench.registry import methods

SMALL = [
    "track.preset=coarse", "drift.space=pixel", "drift.blocks=[]", "drift.grid=4", "optim.steps=4", "optim.batch=8",
    "optim.warmup=0", "optim.samples_per_condition=4", "execution.grid_every=0", "execution.log_every=1",
]  # fmt: skip


class Setup:
    """A method with its student, as the trainer builds them."""

    def __init__(self, track, *overrides):
        self.config, self.track = compose([*SMALL, *overrides]), track
        self.streams = Streams(self.config.seed)
        self.student = new_student(self.config, track)
        self.method = methods.get(self.config.method)(self.config, track, self.streams)
        self.optimizer = torch.optim.SGD(self.student.parameters(), lr=1e-2)

    def backward(self):
        """(what is logged, gradient [all parameters]) of one step, the method's own networks not yet trained."""
        per_prompt = self.config.optim.samples_per_condition
        prompts = self.track.draw_conditions(self.config.optim.batch // per_prompt, self.streams["conditions"])
        self.condition = prompts.repeat(per_prompt)
        self.optimizer.zero_grad()
        row = self.method.backward(self.student, self.condition, 0.0)
        parameters = self.student.parameters()
        return row, torch.cat([(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in parameters])

    def step(self):
        """A whole step."""
        row, gradient = self.backward()
        self.optimizer.step()
        return row | self.method.after_step(self.student, self.condition), gradient


@pytest.fixture
def setup(small_track):
    """setup(*overrides) -> Setup on the small track."""
    return lambda *overrides: Setup(small_track, *overrides)
