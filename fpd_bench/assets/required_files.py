"""Check that the published files which a run reads are there; say how to get those that are not. Needs no torch."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fpd_bench.assets import hub
from fpd_bench.assets.environment import (
    DATA_VARIABLE,
    VARIABLE,
    data_folder,
    existing_weights_folder,
    from_hub,
    weights_place,
)
from fpd_bench.assets.published_files import DEIT, REFERENCE, REFERENCE_URL, PublishedFile, TrackFiles
from fpd_bench.assets.weight_files import refuse_foreign
from fpd_bench.errors import AssetError
from fpd_bench.files.folders import IMAGES

CAPTION_FILES = ("captions.txt", "captions*.parquet", "*.tar")


def weights_folder(files: TrackFiles) -> Path:
    """Give the folder $FPD_WEIGHTS. Raises AssetError, with what to do next, if it is not set or no folder."""
    folder = existing_weights_folder()
    if folder is None:
        problem = f"{VARIABLE}={weights_place()} is not a folder" if weights_place() else f"{VARIABLE} is not set"
        raise AssetError(
            f"{problem}. Download {_repositories(files.models)} into one folder and run: export {VARIABLE}=FOLDER ; "
            f"or, on a machine with internet access: export {VARIABLE}={hub.HUB} (docs/paper_scale.md)."
        )
    return folder


def _repositories(files: tuple[PublishedFile, ...]) -> str:
    return ", ".join(dict.fromkeys(file.repository for file in files))


def discriminator_file() -> Path:
    """Find DeiT-B distilled for the projected discriminator. Raises AssetError with where it is published."""
    folder = weights_place() or Path("WEIGHTS")
    if absent_files((DEIT,), folder):
        reason = f"{DEIT.path(folder)} is missing" if weights_place() else f"{VARIABLE} is not set"
        raise AssetError(
            f"gan.discriminator=projected needs DeiT-B distilled: {reason}. Run: {DEIT.fetch_command(folder)} ; then "
            f"export {VARIABLE}={folder} ; or use gan.discriminator=light."
        )
    return DEIT.path(folder)


def require_scorers(of: TrackFiles, asked: str) -> None:
    """Check for what scores images that were made elsewhere. Raises AssetError with the commands that fetch it.

    asked: what is scored, the message's first words.
    """
    files, folder = of.scorers, weights_place() or Path("WEIGHTS")
    absent = absent_files(files, folder)
    if not absent and weights_place() and folder.is_dir():
        return
    reason = (
        f"{absent[0].absent(folder) if absent else folder} is missing" if weights_place() else f"{VARIABLE} is not set"
    )
    export = "" if weights_place() else f" ; then export {VARIABLE}={folder}"
    names = _repositories(files) or "ADM's reference (or, with evaluation.fidelity=lite0, real images of your own)"
    commands = " && ".join(file.fetch_command(folder) for file in absent) or _get_reference(folder)
    raise AssetError(f"{asked} is scored with {names}, but {reason}. Run: {commands}{export}")


def caption_files(data: Path) -> list[Path]:
    """List the files with training captions: the first of CAPTION_FILES that is there."""
    found = (sorted(data.glob(pattern)) for pattern in CAPTION_FILES)
    return next((paths for paths in found if paths), [])


def captions_missing(data: Path) -> str:
    """Write the message of a run that finds no captions."""
    return (
        f"Training captions are missing: put one of {', '.join(CAPTION_FILES)} into '{data}', or name another folder "
        f"with {DATA_VARIABLE}."
    )


def images_missing(data: Path) -> str:
    """Write the message of a run that finds no real images."""
    return (
        f"The discriminator needs real images: put some ({', '.join(IMAGES)}, or WebDataset shards *.tar) "
        f"below '{data / 'images'}', name another folder with {DATA_VARIABLE}, or train without it (gan.weight=0)."
    )


def require_data(files: TrackFiles, captions: bool, images: bool, reference: bool) -> None:
    """Raise AssetError if the data that a run reads are not there; whether they can be read shows later.

    reference: its images are compared with ImageNet's published statistics.
    """
    captions, reference = captions and files.captions, reference and files.reference
    if not (captions or images or reference):
        return
    weights = weights_folder(files)
    data = data_folder(weights)
    if captions and not caption_files(data):
        raise AssetError(captions_missing(data))
    if images and not (any((data / "images").glob("*")) or any(data.glob("*.tar"))):
        raise AssetError(images_missing(data))
    if reference:
        reference_file(weights)


def reference_file(weights: Path) -> Path:
    """Find ImageNet's statistics. Raises AssetError with the command that fetches them."""
    path = weights / REFERENCE
    if not path.is_file():
        raise AssetError(
            f"FID's reference '{path}' is missing. Run: {_get_reference(weights)} , or compare with "
            "the track's own real images (evaluation.fidelity=lite0)."
        )
    return path


def _get_reference(weights: Path) -> str:
    return f"curl -o {weights / REFERENCE} --create-dirs {REFERENCE_URL}{REFERENCE}"


def absent_files(files: tuple[PublishedFile, ...], folder: Path) -> list[PublishedFile]:
    """List the files that are not in the folder; with FPD_WEIGHTS=hub they are fetched first. Raises AssetError."""
    absent = [file for file in files if file.absent(folder)]
    if not from_hub():
        return absent
    if _rehearsed is not None:
        _rehearsed.update((file, folder) for file in absent)
        return []
    for file in absent:
        file.download(folder)
    return [file for file in absent if file.absent(folder)]


_rehearsed: dict[PublishedFile, Path] | None = None  # what would have been fetched, and into which folder


@contextmanager
def rehearsal() -> Iterator[dict[PublishedFile, Path]]:
    """Fetch nothing while the block runs; what would be counts as there, and is given: {file: into which folder}."""
    global _rehearsed
    _rehearsed = {}
    try:
        yield _rehearsed
    finally:
        _rehearsed = None


def require(files: TrackFiles) -> Path:
    """Check that all files of every run are there and, as far as contents tell, of the right model; give their folder.

    Raises AssetError naming the first missing file and its command, or what is wrong with a file.
    """
    folder = weights_folder(files)
    absent = absent_files(files.of_every_run, folder)
    if absent:
        raise AssetError(
            f"{absent[0].absent(folder)} is missing ({absent[0].role}; {len(absent)} of {len(files.of_every_run)} "
            f"files). Run: {absent[0].fetch_command(folder)} . To see all that is missing: python -m fpd_bench.tracks "
            f"check {files.track}"
        )
    for file in files.of_every_run:
        if not file.absent(folder):  # in a rehearsal
            refuse_foreign(file.path(folder), file.kind)
    return folder
