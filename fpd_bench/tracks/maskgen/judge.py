"""Track `maskgen`'s suites without its models: SDXL is scored without MaskGen's weights."""

from collections.abc import Callable

from fpd_bench.assets.required_files import weights_folder
from fpd_bench.bench import Condition, Suite
from fpd_bench.tracks.geneval import GenEvalSuites
from fpd_bench.tracks.maskgen.declaration import FILES


def open_suites() -> Callable[[str], Suite]:
    """Open GenEval: split -> suite, items as MaskGenTrack has them. Raises AssetError without the scorers' folder."""
    suites = GenEvalSuites(weights_folder(FILES))

    def suite(split: str) -> Suite:
        items = suites.items(split)
        return Suite(f"geneval-{split}", items, Condition(tuple(item.prompt for item in items), {}), suites.score)

    return suite
