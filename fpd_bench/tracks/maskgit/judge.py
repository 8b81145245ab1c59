"""Track `maskgit`'s suites without its models, for images of ImageNet's classes that were made elsewhere."""

from collections.abc import Callable

from timm.data.imagenet_info import ImageNetInfo

from fpd_bench.assets.published_files import REFERENCE
from fpd_bench.assets.required_files import weights_folder
from fpd_bench.bench import Condition, Item, Suite
from fpd_bench.evals.fidelity.presets import ADM
from fpd_bench.evals.fidelity.suites import against_file
from fpd_bench.tracks.maskgit.declaration import FILES


def open_suites() -> Callable[[str], Suite]:
    """Open the classes: split -> suite, items as MaskGitTrack has them. Raises AssetError without a folder of files."""
    names = ImageNetInfo()
    words = tuple(f"{i} {names.index_to_description(i).split(',')[0]}" for i in range(names.num_classes()))
    items = tuple(Item(f"{i:04d}", text, {"label": i}) for i, text in enumerate(words))
    measure = against_file(weights_folder(FILES) / REFERENCE, ADM)
    return lambda split: Suite(f"imagenet-{split}", items, Condition(words, {}), None, measure)
