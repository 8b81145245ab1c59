"""A track's suites without its models, for images that were made elsewhere: SDXL is scored without MaskGen's weights.

The paper's tracks are listed here; any other track is opened whole.
"""

from collections.abc import Callable
from dataclasses import dataclass

from fpd_bench import registry
from fpd_bench.assets.published import REFERENCE, weights_folder
from fpd_bench.bench import Item, Suite, Track
from fpd_bench.models.condition import Condition


@dataclass(frozen=True)
class Judge:
    """What a run of images from elsewhere needs of a track. assets: hashes, for the run's provenance."""

    name: str
    preset: str
    assets: dict[str, str]
    suite: Callable[[str], Suite]


def judge_of(name: str, preset: str) -> Judge | Track:
    """Open what scores a track's images. Raises UnknownName, or AssetError for a scorer's missing files."""
    if name in JUDGES:
        return Judge(name, preset, {}, JUDGES[name]())
    track: Track = registry.tracks.get(name)(preset)
    return track


def _geneval() -> Callable[[str], Suite]:
    from fpd_bench.tracks.geneval import GenEvalSuites

    suites = GenEvalSuites(weights_folder("maskgen"))

    def suite(split: str) -> Suite:
        items = suites.items(split)
        return Suite(f"geneval-{split}", items, Condition(tuple(item.prompt for item in items), {}), suites.score)

    return suite


def _imagenet() -> Callable[[str], Suite]:
    """Make the suites of MaskGitTrack, without its networks."""
    from timm.data.imagenet_info import ImageNetInfo

    from fpd_bench.evals.fidelity.presets import ADM
    from fpd_bench.evals.fidelity.suites import against_file

    names = ImageNetInfo()
    words = tuple(f"{i} {names.index_to_description(i).split(',')[0]}" for i in range(names.num_classes()))
    items = tuple(Item(f"{i:04d}", text, {"label": i}) for i, text in enumerate(words))
    measure = against_file(weights_folder("maskgit") / REFERENCE, ADM)
    return lambda split: Suite(f"imagenet-{split}", items, Condition(words, {}), None, measure)


JUDGES: dict[str, Callable[[], Callable[[str], Suite]]] = {"maskgen": _geneval, "maskgit": _imagenet}
