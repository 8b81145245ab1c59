"""What runs read of published files and is not on this machine: asked once for all of them. Needs no torch.

A configuration says what its run reads (config/availability.py, pure); `missing` looks, `provide` fetches or refuses.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from fpd_bench.assets import published_files, required_files
from fpd_bench.assets.hub_pipelines import locate
from fpd_bench.assets.inception import inception_file
from fpd_bench.assets.weight_files import refuse_foreign
from fpd_bench.errors import AssetError, ConfigError


@dataclass(frozen=True)
class Required:
    """What a run reads. files: published ones of its track; None for a track that brings its files.

    models: the track's networks; without them its scorers only, for images made elsewhere. who: these, in messages.
    captions, real_images: of training; reference: of ImageNet; inception: of FID; discriminator: the projected one's.
    folder: of images made elsewhere. pipeline, added: of diffusers, and what is added to it; lora: whether that is one.
    """

    files: published_files.TrackFiles | None
    models: bool
    who: str
    captions: bool = False
    real_images: bool = False
    reference: bool = False
    inception: bool = False
    discriminator: bool = False
    folder: str = ""
    pipeline: str = ""
    added: tuple[str, ...] = ()
    lora: bool = False


@dataclass(frozen=True)
class Missing:
    """One thing that is not there. message: what it is, and the command that gets it.

    file, folder: with FPD_WEIGHTS=hub, what `provide` fetches, and where to.
    """

    message: str
    file: published_files.PublishedFile | None = None
    folder: Path = Path()


def missing(required: Iterable[Required]) -> list[Missing]:
    """Look for everything that these runs read; each missing thing once, in the order of its first use."""
    found: dict[str, Missing] = {}
    with required_files.rehearsal() as fetched:
        for one in dict.fromkeys(required):
            for message in _messages(one):
                found.setdefault(message, Missing(message))
    to_fetch = [Missing(f"Will be downloaded: {file.fetch_command(at)}", file, at) for file, at in fetched.items()]
    return [*to_fetch, *found.values()]


def provide(lacking: Iterable[Missing]) -> None:
    """Fetch what FPD_WEIGHTS=hub lets us fetch. Raises AssetError for the first thing that is still missing."""
    everything = list(lacking)
    refuse(everything)
    for one in everything:
        if one.file and one.file.absent(one.folder):
            one.file.download(one.folder)


def refuse(lacking: Iterable[Missing]) -> None:
    """Raise AssetError if something is missing that is not to be fetched."""
    left = [one for one in lacking if one.file is None]
    if left:
        more = f" ({len(left) - 1} more are missing; --dry-run lists them)" if len(left) > 1 else ""
        raise AssetError(f"{left[0].message}{more}")


def _messages(one: Required) -> Iterator[str]:
    if one.files and one.models:
        yield from _missing_weights(one.files)
    for look in _checks(one):
        try:
            look()
        except ConfigError as error:
            yield str(error)


def _missing_weights(needed: published_files.TrackFiles) -> Iterator[str]:
    """Yield a message for every file of the track's networks that is missing, or is not what its name says."""
    try:
        folder = required_files.weights_folder(needed)
    except AssetError as error:
        yield f"Track '{needed.track}' needs its published weights: {error}"
        return
    absent = required_files.absent_files(needed.of_every_run, folder)
    for file in absent:
        place = file.absent(folder)
        yield f"Track '{needed.track}' needs {place} ({file.role}), which is missing. Run: {file.fetch_command(folder)}"
    for file in needed.of_every_run:
        if file not in absent and not file.absent(folder):
            try:
                refuse_foreign(file.path(folder), file.kind)
            except AssetError as error:
                yield str(error)


def _checks(one: Required) -> Iterator[Callable[[], object]]:
    if files := one.files:
        if not one.models:
            yield lambda: required_files.require_scorers(files, one.who)
        # one by one, so that each is told
        yield lambda: required_files.require_data(files, one.captions, False, False)
        yield lambda: required_files.require_data(files, False, one.real_images, False)
        yield lambda: required_files.require_data(files, False, False, one.reference)
    if one.discriminator:
        yield required_files.discriminator_file
    if one.inception:
        yield inception_file
    if one.folder:
        yield lambda: _is_folder(one.folder)
    if one.pipeline:
        yield lambda: _pipeline(one)
        for name in one.added:
            yield lambda name=name: locate(name, "")  # type: ignore[misc]


def _is_folder(folder: str) -> None:
    if not Path(folder).is_dir():
        raise ConfigError(f"generator.source='{folder}' is not a folder.")


def _pipeline(one: Required) -> None:
    if find_spec("diffusers") is None:
        raise ConfigError("method=diffusers needs diffusers. Run: pip install 'fpd-bench[diffusers]'")
    if one.lora and find_spec("peft") is None:
        raise ConfigError("generator.lora needs peft. Run: pip install 'fpd-bench[diffusers]'")
    locate(one.pipeline)
