"""A track's suites without its models, for images that were made elsewhere; a track without such is opened whole."""

from collections.abc import Callable
from dataclasses import dataclass

from fpd_bench.bench import Suite, Track
from fpd_bench.registry import tracks


@dataclass(frozen=True)
class Judge:
    """What a run of images from elsewhere needs of a track. assets: hashes, for the run's provenance."""

    name: str
    preset: str
    assets: dict[str, str]
    suite: Callable[[str], Suite]


def judge_of(name: str, preset: str) -> Judge | Track:
    """Open what scores images of a track. Raises UnknownName, or AssetError for a scorer's missing files."""
    open_suites = tracks.load(name, "judge")
    if open_suites is not None:
        return Judge(name, preset, {}, open_suites())
    track: Track = tracks.get(name)(preset)
    return track
