"""The scores of a row, image by image, and the score that they make together.

Letters: S seeds (trained runs), P prompts, R images of a prompt (replicates), T tasks. The score of a row is GenEval's:
the plain mean of the T task means. All seeds of all rows see the same prompts.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from fpd_bench.errors import ConfigError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """The scores of one row: its runs (one per seed) on the same prompts and images, in canonical order.

    values: [S, P, R]. seeds, prompts and tasks name the axes; tasks[p] is the task of prompt p.
    """

    values: Floats
    seeds: tuple[int, ...]
    prompts: tuple[str, ...]
    tasks: tuple[str, ...]

    @classmethod
    def collect(
        cls, runs: dict[int, dict[tuple[str, int], float]], tasks: dict[str, str], label: str = "row"
    ) -> "Scores":
        """Collect {seed: {(prompt, replicate): score}} and {prompt: task} into arrays. Input order is irrelevant.

        Raises ConfigError if the seeds were not scored on exactly the same images: no silent smaller n.
        """
        seeds = sorted(runs)
        keys = sorted(runs[seeds[0]])
        for seed in seeds[1:]:
            if runs[seed].keys() != set(keys):
                different = sorted(runs[seed].keys() ^ set(keys))
                raise ConfigError(
                    f"{label}: seeds {seeds[0]} and {seed} were not scored on the same images "
                    f"({len(different)} differ, first {different[0]}). Compare runs of one suite with "
                    f"equal images_per_prompt."
                )
        prompts = sorted({prompt for prompt, _ in keys})
        replicates = sorted({replicate for _, replicate in keys})
        if len(keys) != len(prompts) * len(replicates):
            raise ConfigError(f"{label}: {len(keys)} scores for {len(prompts)} prompts x {len(replicates)} images.")
        values = np.array([[runs[seed][key] for key in keys] for seed in seeds], dtype=float)
        shape = (len(seeds), len(prompts), len(replicates))
        return cls(values.reshape(shape), tuple(seeds), tuple(prompts), tuple(tasks[prompt] for prompt in prompts))

    @cached_property
    def prompt_means(self) -> Floats:
        """Average over the images of a prompt: [S, P]."""
        return self.values.mean(axis=2)

    @cached_property
    def weights(self) -> Floats:
        """Weigh each prompt in the overall score, 1 / (T n_task): [P]."""
        return _weights_and_strata(self.tasks)[0]

    @cached_property
    def strata(self) -> NDArray[np.int64]:
        """Number each prompt's task, from 0 in the order of their names: [P]."""
        return _weights_and_strata(self.tasks)[1]

    @cached_property
    def per_seed(self) -> Floats:
        """Compute the overall score of each seed: [S]."""
        return self.prompt_means @ self.weights

    def of_seeds(self, chosen: Collection[int]) -> "Scores":
        """Keep the runs of some of the seeds, in their order."""
        keep = [s for s, seed in enumerate(self.seeds) if seed in chosen]
        return Scores(self.values[keep], tuple(self.seeds[s] for s in keep), self.prompts, self.tasks)

    def of_task(self, task: str) -> "Scores":
        """Keep the same runs on the prompts of one task."""
        places, prompts = _of_task(self.prompts, self.tasks, task)
        return Scores(self.values[:, places], self.seeds, prompts, (task,) * len(prompts))

    def of_prompts(self, chosen: Collection[str]) -> "Scores":
        """Keep the same runs on some of the prompts; the tasks that have none of them are gone."""
        keep = [p for p, prompt in enumerate(self.prompts) if prompt in chosen]
        prompts, tasks = tuple(self.prompts[p] for p in keep), tuple(self.tasks[p] for p in keep)
        return Scores(self.values[:, keep], self.seeds, prompts, tasks)

    def minus(self, other: "Scores", label: str = "the two rows") -> "Scores":
        """Subtract image by image. Raises ConfigError unless both rows have the same seeds, prompts and images."""
        if self.seeds != other.seeds:
            raise ConfigError(
                f"{label}: seeds {self.seeds} and {other.seeds}; a paired test needs the same seeds in both. "
                "Run the missing seeds."
            )
        if (self.prompts, self.tasks, self.values.shape) != (other.prompts, other.tasks, other.values.shape):
            raise ConfigError(
                f"{label}: {len(self.prompts)} and {len(other.prompts)} prompts with {self.values.shape[2]} and "
                f"{other.values.shape[2]} images, not the same ones; a paired test needs the same suite and "
                f"images_per_prompt."
            )
        return Scores(self.values - other.values, self.seeds, self.prompts, self.tasks)


@lru_cache(maxsize=256)
def _of_task(prompts: tuple[str, ...], tasks: tuple[str, ...], task: str) -> tuple[list[int], tuple[str, ...]]:
    """List the places of a task's prompts, and these prompts: all rows of a table share them."""
    places = [p for p, name in enumerate(tasks) if name == task]
    return places, tuple(prompts[p] for p in places)


@lru_cache(maxsize=256)
def _weights_and_strata(tasks: tuple[str, ...]) -> tuple[Floats, NDArray[np.int64]]:
    """Compute both for the tasks of prompts: all rows and differences of a table share them."""
    names, index, counts = np.unique(np.array(tasks), return_inverse=True, return_counts=True)
    weights = 1.0 / (len(names) * counts[index])
    for shared in (weights, index):
        shared.flags.writeable = False
    return weights, index
