"""Pairs (codes, condition) that a track samples from its own teacher where it has no real ones: who makes how many.

They are kept and shared by all runs of a seed, so they are no part of a run's cost, and the plan of a sweep names them.
"""

from collections.abc import Iterable

from fpd_bench import registry
from fpd_bench.assets.environment import existing_weights_folder
from fpd_bench.config.fields import own_settings
from fpd_bench.config.identity import trains
from fpd_bench.config.schema import RunConfig


def pairs_of(config: RunConfig) -> int:
    """Count the pairs of its track that a run learns from, where the track samples them from its teacher; else 0."""
    if not trains(config) or not registry.tracks.declaration(config.track.name).pair_steps:
        return 0
    own = own_settings(config, config.method)
    return int(getattr(own, "pairs_read", getattr(own, "pairs", 0)))


def sampled_pairs(configs: Iterable[RunConfig]) -> tuple[int, float]:
    """Count the pairs that these runs need together, each once, and the FLOPs of sampling them with guidance."""
    most: dict[tuple[str, str, int], tuple[int, RunConfig]] = {}
    for config in configs:
        key = (config.track.name, config.track.preset, config.seed)
        most[key] = max((pairs_of(config), config), most.get(key, (0, config)), key=lambda one: one[0])
    needed = [one for one in most.values() if one[0]]
    return sum(n for n, _ in needed), sum(n * _flops_of_pair(config) for n, config in needed)


def _flops_of_pair(config: RunConfig) -> float:
    from fpd_bench.costs.network_cost import measure_drawing, track_of

    steps = registry.tracks.declaration(config.track.name).pair_steps
    return 2 * steps * measure_drawing(track_of(config, existing_weights_folder())).network.forward
