"""Scores whose truth is known, for the tests of statistics."""

import itertools

import numpy as np

from fpd_bench.evals.statistics import Scores

TASKS = ("single_object", "two_object", "counting", "colors", "position", "color_attr")


def simulate(rng, seeds=4, per_task=40, images=4, shift=0.0, seed_sd=0.02, prompts=None, noise=None):
    """Binary scores whose probability is task + prompt + seed effect."""
    tasks = np.repeat(np.arange(6), per_task)
    if prompts is None:
        prompts = rng.uniform(-0.25, 0.25, size=len(tasks))
    base = np.linspace(0.35, 0.6, 6)[tasks] + prompts + shift
    chance = base[None, :, None] + rng.normal(0, seed_sd, size=(seeds, 1, 1))
    noise = rng.uniform(size=(seeds, len(tasks), images)) if noise is None else noise
    values = (noise < chance).astype(float)
    names = tuple(f"{i:04d}" for i in range(len(tasks)))
    return Scores(values, tuple(range(seeds)), names, tuple(TASKS[t] for t in tasks))


def as_runs(scores):
    """{seed: {(prompt, replicate): score}} and {prompt: task}."""
    runs = {}
    for s, seed in enumerate(scores.seeds):
        cells = itertools.product(enumerate(scores.prompts), range(scores.values.shape[2]))
        runs[seed] = {(prompt, r): float(scores.values[s, p, r]) for (p, prompt), r in cells}
    return runs, dict(zip(scores.prompts, scores.tasks, strict=True))


def of_seeds(differences):
    """Scores of one prompt, whose mean by seed is given: only seeds vary."""
    values = np.array(differences, dtype=float)[:, None, None]
    return Scores(values, tuple(range(len(differences))), ("a",), ("counting",))
