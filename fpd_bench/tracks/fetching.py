"""`python -m fpd_bench.tracks fetch`: the published files of a track from the hub, into the layout that tracks read."""

from collections.abc import Iterator
from pathlib import Path

from fpd_bench.config.weights import Published, files_of
from fpd_bench.errors import AssetError


def fetch(track: str, folder: Path) -> Iterator[str]:
    """Fetch what is missing, file by file, saying what came. Raises AssetError for the first that cannot be had."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

    for file in files_of(track):
        if not file.absent(folder):
            yield f"{file.role}: {file.path(folder)} is there"
            continue
        try:
            for name in (file.file, *file.extras):
                hf_hub_download(file.repository, name, local_dir=_home(file, folder))
        except GatedRepoError as error:
            raise AssetError(
                f"'{file.repository}' ({file.role}) is gated: accept its licence on https://huggingface.co/"
                f"{file.repository}, run: hf auth login, and fetch again."
            ) from error
        except (HfHubHTTPError, OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise AssetError(
                f"'{file.repository}' ({file.role}) cannot be fetched: {reason} On a machine with a network run: "
                f"{file.fetch(folder)} , and bring the folder here."
            ) from error
        yield f"{file.role}: {file.path(folder)} fetched"


def _home(file: Published, folder: Path) -> Path:
    return folder / file.repository.partition("/")[2]
