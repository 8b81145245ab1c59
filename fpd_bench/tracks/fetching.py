"""`python -m fpd_bench.tracks fetch`: the published files of a track from the hub, into the layout that tracks read."""

from collections.abc import Iterator
from pathlib import Path

from fpd_bench.assets.published_files import TrackFiles


def fetch(files: TrackFiles, folder: Path) -> Iterator[str]:
    """Fetch what is missing, file by file, and say what came. Raises AssetError for the first that cannot be had."""
    for file in files.everything:
        if not file.absent(folder):
            yield f"{file.role}: {file.path(folder)} is there"
            continue
        file.download(folder)
        yield f"{file.role}: {file.path(folder)} fetched"
