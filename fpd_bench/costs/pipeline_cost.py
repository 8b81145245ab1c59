"""What an image of a diffusers pipeline costs: the pipeline is called once for real, with networks on the meta device.

Its scheduler, its guidance and its defaults are diffusers' own, so that a network is counted as often as it is asked.
"""

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.flop_counter import FlopCounterMode

from fpd_bench.config.schema import GeneratorConfig
from fpd_bench.costs.meter import PROBE, Alive, Share, fused_attention
from fpd_bench.costs.pipeline_on_meta import call_pipeline, pipeline_on_meta
from fpd_bench.costs.track_on_meta import META
from fpd_bench.errors import ConfigError, FpdError

PEAKS = {torch.float32: "fp32", torch.float16: "bf16", torch.bfloat16: "bf16"}  # the GPU's that a type can reach
ASKED = ("forward", "decode")  # of a network, by a pipeline


@dataclass(frozen=True)
class NetworkCall:
    """Of one network. flops, memory: of the images drawn together; memory: bytes alive at once, at most."""

    network: str
    precision: str
    flops: float
    memory: float


@dataclass(frozen=True)
class PipelineCost:
    """shares: by network. fixed: bytes of all parameters; per_image: bytes alive at once beside them, at most."""

    shares: dict[str, Share]
    fixed: float
    per_image: float


def pipeline_cost(settings: GeneratorConfig) -> PipelineCost:
    """Measure what one image costs. Raises ConfigError with the reason, and what to do, if that cannot be counted."""
    if find_spec("diffusers") is None:
        raise ConfigError("it needs diffusers. Run: pip install 'fpd-bench[diffusers]'")
    return _measure_pipeline(json.dumps(asdict(settings)))


@lru_cache(maxsize=64)  # the seeds of a sweep share it
def _measure_pipeline(fields: str) -> PipelineCost:
    settings = GeneratorConfig(**json.loads(fields))
    calls: list[NetworkCall] = []
    try:
        with _quiet_in_one_thread():
            pipeline = pipeline_on_meta(settings)
            networks = {name: part for name, part in pipeline.components.items() if isinstance(part, nn.Module)}
            fixed = sum(p.nbytes for network in networks.values() for p in network.parameters())
            for name, network in networks.items():
                _meter(name, network, calls)
            call_pipeline(pipeline, settings, PROBE)
    except FpdError:
        raise
    except Exception as error:  # of any pipeline there is: it asks for what the meta device, or this file, has not
        what = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"its pipeline cannot be called without its weights: {type(error).__name__}: {what}"
        ) from error
    return PipelineCost(_shares(calls), fixed, max(call.memory for call in calls) / PROBE)


def _shares(calls: list[NetworkCall]) -> dict[str, Share]:
    shares: dict[str, Share] = {}
    for call in calls:
        before = shares.get(call.network, Share(0, 0, ""))
        shares[call.network] = Share(before.calls + 1, before.flops + call.flops / PROBE, call.precision)
    return shares


def _meter(name: str, network: Any, calls: list[NetworkCall]) -> None:
    """Let the network take the pipeline's real tensors, give back zeros of the right shape, and note each call."""
    identity = (type(network), str(network.config))

    def metered(asked: str, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        key = (*identity, asked, network.dtype, *map(_describe, tree_leaves((args, kwargs))))
        if key not in _measures:
            _measures[key] = _measure_call(network, method, args, kwargs)
        flops, memory, outputs = _measures[key]
        calls.append(NetworkCall(name, PEAKS[network.dtype], flops, memory))
        return tree_map_only(Tensor, lambda t: torch.zeros(t.shape, dtype=t.dtype), outputs)

    for asked in ASKED:
        if hasattr(network, asked):
            setattr(network, asked, partial(metered, asked, getattr(network, asked)))


# Fifty steps take no longer than one, and five systems with the same text encoder no longer than that.
_measures: dict[tuple[Any, ...], tuple[float, float, Any]] = {}


def _measure_call(network: Any, method: Callable[..., Any], args: Any, kwargs: Any) -> tuple[float, float, Any]:
    """Return FLOPs, bytes alive at once, and the outputs on the meta device."""
    there, named = tree_map_only(Tensor, lambda t: t.to(META), (args, kwargs))
    with fused_attention(), FlopCounterMode(display=False) as counter, Alive() as alive:
        outputs = method(*there, **named)
    return counter.get_total_flops(), alive.most, outputs


def _describe(leaf: Any) -> Any:
    """Describe what a call's cost can depend on: shapes, sizes and flags, but no time."""
    if isinstance(leaf, Tensor):
        return tuple(leaf.shape), leaf.dtype
    return leaf if isinstance(leaf, int | str | None) else type(leaf)


@contextmanager
def _quiet_in_one_thread() -> Iterator[None]:
    """Keep the libraries' messages off the screen, which belong to the pipeline's run, and compute in one thread:
    latents are too small for several.
    """
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    before = {one: one.get_verbosity() for one in (of_diffusers, of_transformers)}
    threads = torch.get_num_threads()
    for one in before:
        one.set_verbosity_error()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        for one, level in before.items():
            one.set_verbosity(level)
        torch.set_num_threads(threads)
