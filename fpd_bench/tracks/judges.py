"""A track's suites without its models, for images that were made elsewhere: SDXL is scored without MaskGen's weights.

The paper's tracks are listed here; any other track is opened whole.
"""

from collections.abc import Callable
from dataclasses import dataclass

from fpd_bench import registry
from fpd_bench.config.weights import weights_folder
from fpd_bench.models.condition import Condition
from fpd_bench.tracks.base import Suite


@dataclass(frozen=True)
class Judge:
    """What a run of images from elsewhere needs of a track. assets: hashes, for the run's provenance."""

    name: str
    preset: str
    assets: dict[str, str]
    suite: Callable[[str], Suite]


def judge_of(name: str, preset: str) -> Judge:
    """Raises UnknownName, or AssetError for a scorer's missing files."""
    if name in JUDGES:
        return Judge(name, preset, {}, JUDGES[name]())
    track = registry.tracks.get(name)(preset)
    return Judge(name, preset, track.assets, track.suite)


def _geneval() -> Callable[[str], Suite]:
    from fpd_bench.tracks.geneval import GenEvalSuites

    suites = GenEvalSuites(weights_folder("maskgen"))

    def suite(split: str) -> Suite:
        items = suites.items(split)
        return Suite(f"geneval-{split}", items, Condition(tuple(item.prompt for item in items), {}), suites.score)

    return suite


JUDGES: dict[str, Callable[[], Callable[[str], Suite]]] = {"maskgen": _geneval}
