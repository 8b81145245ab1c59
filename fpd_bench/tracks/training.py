"""A network's training that can be killed at any step and goes on where it stood: what the recipes of tracks share."""

import copy
import math
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fpd_bench.errors import AssetError
from fpd_bench.models.torch_files import read_torch

CHECKPOINT_EVERY = 250
WARM_UP, LAST_LR = 100, 0.02  # steps; share of the learning rate at the end of the cosine

Progress = Callable[[int, int, float], None]  # (step, steps, loss)


class ResumableTraining:
    """Model, its average, AdamW with warm-up and cosine, and the random numbers of a training.

    recipe: a dataclass with steps, lr, weight_decay, average (decay of the averaged weights) and seed; a checkpoint of
    another recipe is refused. A subclass makes its network from `torch.manual_seed(recipe.seed)` and gives `loss`.
    """

    model: Any  # nn.Module; a subclass may say which

    def __init__(self, recipe: Any, model: nn.Module):
        self.recipe, self.model, self.step = recipe, model, 0
        self.average: Any = copy.deepcopy(model).requires_grad_(False)
        self.generator = torch.Generator().manual_seed(recipe.seed)
        decay = recipe.weight_decay
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.lr, betas=(0.9, 0.96), weight_decay=decay)

    def loss(self) -> Tensor:
        """Compute the loss of one batch, drawn with `self.generator`."""
        raise NotImplementedError

    def advance(self) -> float:
        """Train one step; return its loss."""
        cosine = LAST_LR + (1 - LAST_LR) * 0.5 * (1 + math.cos(math.pi * self.step / self.recipe.steps))
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.lr * min(1.0, (self.step + 1) / WARM_UP) * cosine
        loss = self.loss()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        decay = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(value, 1 - decay)
            for kept, buffer in zip(self.average.buffers(), self.model.buffers(), strict=True):
                kept.copy_(buffer)
        self.step += 1
        return float(loss.detach())

    def finish(self, checkpoint: Path, progress: Progress | None = None) -> Any:
        """Train to the end, from `checkpoint` if it is there; return the averaged network, of `model`'s type."""
        if checkpoint.exists():
            self.load(checkpoint)
        while self.step < self.recipe.steps:
            loss = self.advance()
            if self.step % CHECKPOINT_EVERY == 0 or self.step == self.recipe.steps:
                self.save(checkpoint)
            if progress:
                progress(self.step, self.recipe.steps, loss)
        return self.average.eval()

    def save(self, path: Path) -> None:
        """Write a checkpoint; the file is whole or not there."""
        state = {"step": self.step, "generator": self.generator.get_state(), "recipe": asdict(self.recipe)}
        state |= {part: getattr(self, part).state_dict() for part in ("model", "average", "optimizer")}
        write_checkpoint(state, path)

    def load(self, path: Path) -> None:
        """Load a checkpoint. Raises AssetError for one of another recipe, or one that cannot be read."""
        state = read_checkpoint(path, asdict(self.recipe))
        self.step = state["step"]
        self.generator.set_state(state["generator"])
        for part in ("model", "average", "optimizer"):
            getattr(self, part).load_state_dict(state[part])


def read_checkpoint(path: Path, ours: dict[str, Any]) -> dict[str, Any]:
    """Read the state of a checkpoint made by recipe `ours`. Raises AssetError for another's, or one that cannot be
    read.
    """
    begin = f"Delete it, or name another folder with --work, to start again: rm '{path}'"
    state = read_torch(path, "Checkpoint", begin)
    recipe = state.get("recipe") if isinstance(state, dict) else None
    if not isinstance(recipe, dict):
        raise AssetError(f"Checkpoint '{path}' was not written by this command. {begin}")
    changed = [f"{name} {recipe.get(name)}, asked {ours[name]}" for name in ours if recipe.get(name) != ours[name]]
    if changed:
        raise AssetError(f"Checkpoint '{path}' was made by another recipe ({'; '.join(changed)}). {begin}")
    return dict(state)


def write_checkpoint(content: Any, path: Path) -> None:
    """Write a file whole or not at all. Raises OSError, also for the RuntimeError that torch.save raises on a full
    disk.
    """
    part = path.with_suffix(".part")
    try:
        torch.save(content, part)
    except RuntimeError as error:
        part.unlink(missing_ok=True)
        raise OSError(f"'{part}' cannot be written ({str(error).splitlines()[0]}); the disk may be full") from error
    os.replace(part, path)
