"""Thousands of tables at once: binary images of rows that are equal on average, with every kind of noise.

Letters: N tables, M rows, S seeds, P prompts. Effects are normal on the logit scale and given as what they do to a
score near one half: a seed SD of .03 spreads the scores of seeds by .03 there, and by less near 0 and 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHUNK = 8_000_000  # numbers drawn at once
TASKS = 6

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Scenario:
    """sizes: prompts of each task; base: its score; the rest are SDs. prompts: how hard a prompt is for all rows;
    row_prompts: for one row; seed_tasks, seed_prompts: for one seed of one row. gap: what each second row has more."""

    name: str
    sizes: tuple[int, ...] = (6, 15, 18, 18, 40, 40)  # the test prompts of the shapes bench
    base: tuple[float, ...] = (0.5,) * TASKS
    prompts: float = 0.25
    row_prompts: float = 0.1
    seed_tasks: float = 0.05
    seed_prompts: float = 0.1
    images: int = 4
    gap: float = 0.0

    @property
    def strata(self) -> NDArray[np.int64]:
        """[P]: the task of each prompt."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def weights(self) -> NDArray[np.float64]:
        """[P]: the weight of each prompt in the plain mean of task means."""
        return (1 / (len(self.sizes) * np.array(self.sizes)))[self.strata]


SCENARIOS = (
    Scenario("one configuration in all rows", row_prompts=0.0),
    Scenario("rows differ by prompt"),
    Scenario("rows differ much by prompt", row_prompts=0.25),
    Scenario("strong seed x task and seed x prompt", seed_tasks=0.1, seed_prompts=0.25),
    Scenario("very unequal tasks", sizes=(4, 8, 15, 20, 40, 50)),
    Scenario("tasks near 0 and 1", base=(0.97, 0.4, 0.1, 0.9, 0.05, 0.03)),
    Scenario("all tasks near 0", base=(0.04,) * TASKS),
    Scenario("all tasks near 1", base=(0.96,) * TASKS),
    Scenario("GenEval's 553 prompts", sizes=(80, 99, 80, 94, 100, 100)),
    Scenario("each second row better by .1", gap=0.1),
)


def chunks(scenario: Scenario, tables: int, rows: int, seeds: int, seed_sd: float, seed: int) -> Iterator[Floats]:
    """Scores [n, M, S, P], means over a prompt's images, until there are `tables` of them; equal for equal `seed`."""
    rng = np.random.default_rng(seed)
    size = max(1, CHUNK // (rows * seeds * len(scenario.strata)))
    for start in range(0, tables, size):
        yield draw(rng, scenario, min(size, tables - start), rows, seeds, seed_sd)


def draw(rng: np.random.Generator, scenario: Scenario, n: int, rows: int, seeds: int, seed_sd: float) -> Floats:
    """[n, M, S, P]."""
    tasks, count = scenario.strata, len(scenario.strata)

    def effect(sd: float, *shape: int) -> Floats:
        return np.float32(4 * sd) * rng.standard_normal(shape, dtype=np.float32)  # 4 = slope of the logit at one half

    base = np.array(scenario.base, dtype=np.float32)
    logits = np.log(base / (1 - base))[tasks] + effect(scenario.prompts, n, 1, 1, count)
    logits = logits + effect(scenario.row_prompts, n, rows, 1, count) + effect(seed_sd, n, rows, seeds, 1)
    logits = logits + effect(scenario.seed_tasks, n, rows, seeds, len(scenario.sizes))[..., tasks]
    logits += effect(scenario.seed_prompts, n, rows, seeds, count)
    logits += np.float32(4 * scenario.gap) * (np.arange(rows) % 2)[:, None, None].astype(np.float32)
    chance = 1 / (1 + np.exp(-logits))
    right = np.zeros(chance.shape, dtype=np.float32)
    for _ in range(scenario.images):
        right += rng.random(chance.shape, dtype=np.float32) < chance
    return right / np.float32(scenario.images)


def whole_sets(tables: int, rows: int, seeds: int, skewed: bool, seed: int) -> NDArray[np.float64]:
    """[N, M, S]: numbers such as FID, one a run: normal, or with the tail of a gamma law of shape 4."""
    rng, shape = np.random.default_rng(seed), (tables, rows, seeds)
    return rng.gamma(4.0, size=shape) if skewed else rng.standard_normal(shape)
