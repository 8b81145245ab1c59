"""Files of the hub, fetched to where tracks read them. Failures are AssetErrors with the way out. Needs no torch."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fpd_bench.errors import AssetError

HUB = "hub"  # instead of a folder of weights: fetch what is missing into ~/.cache/fpd-bench/weights
NO_DOWNLOAD = 200  # characters of the hub's reason that are told


def fetch(repository: str, names: Iterable[str], role: str, into: Path | None = None) -> Path:
    """Fetch all files, and give the first one's path. into: a folder; None = the hub's own cache.

    Raises AssetError: gated (what to accept), or out of reach or not there (the command for another machine).
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

    files = list(names)
    try:
        with quiet():
            found = [Path(hf_hub_download(repository, name, local_dir=into)) for name in files]
    except GatedRepoError as error:
        raise AssetError(
            f"'{repository}' ({role}) is gated. Accept its licence on https://huggingface.co/{repository}, "
            "run: hf auth login, and run this command again."
        ) from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise AssetError(_out_of_reach(repository, files, role, into, error)) from error
    except Exception as error:  # the hub's client has had several kinds of network errors
        if "http" not in type(error).__module__:
            raise
        raise AssetError(_out_of_reach(repository, files, role, into, error)) from error
    return found[0]


@contextmanager
def quiet(name: str = "huggingface_hub") -> Iterator[None]:
    """Silence the library's own warnings, one for each of its retries: we report the outcome once."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _out_of_reach(repository: str, files: list[str], role: str, into: Path | None, error: Exception) -> str:
    place = f" --local-dir {into}" if into else ""
    reason = " ".join(str(error).split())[:NO_DOWNLOAD].rstrip(". ")
    return (
        f"'{repository}' ({role}) cannot be downloaded: {reason}. On a machine with internet access run: hf "
        f"download {repository} {' '.join(files)}{place} , and copy the folder here."
    )
