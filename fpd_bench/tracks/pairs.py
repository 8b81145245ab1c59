"""Pairs (codes, condition) sampled from a track's own teacher: the substitute for real images where no data is.

Sampling 50,000 of them takes hours, so they are kept by content, in shards: a killed sampling goes on behind its last
shard, and more pairs of the same seed begin with those that are there. Only tensors are read from the cache.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from fpd_bench.declarations import PAIR_STEPS
from fpd_bench.models.condition import Condition
from fpd_bench.models.streams import seed_of

SHARD = 500


def teacher_pairs(
    track: Any, n: int, seed: int, steps: int = PAIR_STEPS, cache: Path | None = None
) -> tuple[Tensor, Condition]:
    """Return n conditions drawn as in training and codes [n, L] sampled for them in `steps` steps; both on the track's
    device.

    track: a bench.Track; its assets name the cache entry. cache: a folder; None = $XDG_CACHE_HOME/fpd-bench/pairs.
    """
    shards = [_draw_shard(track, seed, steps, first, cache or default_cache()) for first in range(0, n, SHARD)]
    codes = torch.cat([codes for codes, _ in shards])
    return codes[:n], join_conditions([condition for _, condition in shards])[:n]


def default_cache() -> Path:
    """Return the default folder of kept pairs, $XDG_CACHE_HOME/fpd-bench/pairs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fpd-bench" / "pairs"


def join_conditions(conditions: list[Condition]) -> Condition:
    """Join batches of conditions into one."""
    tensors = {name: torch.cat([each.tensors[name] for each in conditions]) for name in conditions[0].tensors}
    return Condition(tuple(text for each in conditions for text in each.texts), tensors)


def _draw_shard(track: Any, seed: int, steps: int, first: int, cache: Path) -> tuple[Tensor, Condition]:
    condition = track.draw_conditions(SHARD, torch.Generator().manual_seed(seed_of("pairs", seed, first)))
    device = track.tokenizer.codebook.device
    named = [track.name, track.preset, sorted(track.assets.items()), seed, steps, first, SHARD]
    path = cache / f"{hashlib.sha256(json.dumps(named).encode()).hexdigest()[:24]}.safetensors"
    kept = _read_shard(path)
    if kept is None:
        noise = [torch.Generator().manual_seed(seed_of("pairs", seed, first, i)) for i in range(SHARD)]
        kept = torch.cat(
            [track.teacher_sample(condition[i : i + 50], steps, noise[i : i + 50]).cpu() for i in range(0, SHARD, 50)]
        )
        cache.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        save_file({"codes": kept.to(torch.int32)}, part)
        os.replace(part, path)
    return kept.long().to(device), condition


def _read_shard(path: Path) -> Tensor | None:
    if not path.is_file():
        return None
    try:
        return load_file(path)["codes"]
    except (SafetensorError, OSError, KeyError):  # torn by a crash: sample it again
        path.unlink(missing_ok=True)
        return None
