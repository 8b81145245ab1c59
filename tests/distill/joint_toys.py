"""Tracks so small that the joint law of their tokens is known: two tokens that differ (XOR), and a chain of four.

No test itself. The teacher is the embedded tracks' network, trained on the toy's own data for some seconds.
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor

from fpd_bench.config.compose import compose
from fpd_bench.distill.trainer import Training
from fpd_bench.models.condition import Condition
from fpd_bench.models.masking import draw_damage, draw_ratios
from fpd_bench.models.sampling import sample_by_confidence
from fpd_bench.models.streams import generator_of
from fpd_bench.models.transformer import MaskedTransformer, Shape
from fpd_bench.runs.perform.suite_images import sample_student

BASE = [
    "optim.batch=64", "optim.samples_per_condition=64", "optim.warmup=0", "optim.lr=1e-3", "refine.guidance=0",
    "refine.temperature=1", "start.temperature=1", "drift.space=pixel", "drift.blocks=[]", "drift.grid=0",
    "execution.grid_every=0",
]  # fmt: skip


class Tokenizer:
    """A code is a shade, a token a pixel of an image of one line."""

    codebook = torch.tensor([[0.0], [1.0]])

    def decode(self, embeddings, condition=None):
        return embeddings.mT[:, :, None].expand(-1, 3, -1, -1)


class Toy:
    """Each token is the other of the one before it, with chance `differs`: 1 = XOR; the first is fair."""

    preset, n_codes, tokenizer, backbone, assets, name = "default", 2, Tokenizer(), None, {}, "toy"

    def __init__(self, tokens: int, differs: float, steps: int = 400, teacher: torch.nn.Module | None = None):
        self.n_tokens, self.differs = tokens, differs
        network = teacher or self._train(tokens, steps)
        self.teacher = network.eval().requires_grad_(False)

    def _train(self, tokens: int, steps: int) -> torch.nn.Module:
        draw = torch.Generator().manual_seed(0)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = MaskedTransformer(Shape(2, tokens, 2, 1, width=32, depth=2, heads=2))
        for values in (network.token.weight, network.token_place):  # places apart, or a latent moves all tokens alike
            torch.nn.init.normal_(values, std=1.0, generator=draw)
        optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
        for _ in range(steps):
            codes = self.data(128, draw)
            hidden = draw_damage(draw_ratios(128, "arccos", 0, 1, draw), tokens, draw)
            logits = network(codes.masked_fill(hidden, 2), self.null_condition(128))
            optimizer.zero_grad()
            F.cross_entropy(logits.flatten(0, 1), codes.flatten()).backward()
            optimizer.step()
        return network

    def data(self, n: int, generator) -> Tensor:
        first = torch.randint(2, (n, 1), generator=generator)
        turns = (torch.rand(n, self.n_tokens - 1, generator=generator) < self.differs).long()
        return torch.cat([first, (first + turns.cumsum(1)) % 2], dim=1)

    def new_student(self):
        return copy.deepcopy(self.teacher).requires_grad_(True)

    def null_condition(self, n):
        return Condition(("",) * n, {"words": torch.zeros(n, 1, dtype=torch.long)})

    def draw_conditions(self, n, generator):
        return self.null_condition(n)

    def condition(self, texts):
        return self.null_condition(len(texts))

    def pairs(self, n, seed):
        return self.data(n, torch.Generator().manual_seed(seed % 2**31)), self.null_condition(n)

    def teacher_sample(self, condition, steps, generators, model=None, start=None, guidance=None):
        look, shape = model or self.teacher, (len(condition), self.n_tokens, 2)
        ask = lambda tokens: look(tokens, condition)  # noqa: E731
        return sample_by_confidence(ask, ask, shape, steps, 0.0, 4.5, generators, start=start)

    def neighbours(self, codes: Tensor) -> float:
        """Share of neighbours that differ; `differs` is right, and 1/2 what a product of marginals has."""
        return float((codes[:, 1:] != codes[:, :-1]).float().mean())


def noise(n: int) -> list[torch.Generator]:
    return [generator_of(0, "toy", str(i), 0) for i in range(n)]


def trained(toy: Toy, *overrides: str) -> Training:
    """Train a method to its end."""
    training = Training(compose([*BASE, *overrides]), toy)
    for _ in range(training.config.optim.steps):
        training.advance()
    return training


def drawn(training: Training, n: int = 1000, raw: bool = True) -> Tensor:
    """Draw codes [n, L] of the student as the evaluation does."""
    student = (training.student if raw else training.average).eval()
    return sample_student(training.config, training.track, student, training.track.null_condition(n), noise(n))
