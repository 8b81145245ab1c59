"""Where a pipeline of diffusers lies: a folder, or a hub name. Needs no torch.

A hub name is looked for in $FPD_WEIGHTS (as `hf download NAME --local-dir $FPD_WEIGHTS/<part behind the slash>` leaves
it), then in the hub's cache, then on the hub.
"""

import re
from functools import cache
from pathlib import Path

from fpd_bench.assets import environment
from fpd_bench.errors import AssetError, ConfigError

INDEX = "model_index.json"  # of every pipeline
SECONDS = 10  # to wait for the hub


@cache
def locate(source: str, needed: str = INDEX) -> str:
    """Find what diffusers is to open: the local folder of a pipeline if there is one, else the hub's name.

    needed: the file that tells it is there; '' = any. Raises AssetError with the command that fetches it.
    """
    if Path(source).exists() or source.startswith((".", "/", "~")):
        return _local(Path(source).expanduser(), needed)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+(/[\w./-]+)?", source):
        raise ConfigError(f"'{source}' is neither a folder nor a hub name like stabilityai/sdxl-turbo.")
    repository, file = "/".join(source.split("/")[:2]), "/".join(source.split("/")[2:])
    folder = environment.weights_place()
    kept = folder / repository.partition("/")[2] if folder else None
    if kept and kept.is_dir():
        return _local(kept / file, needed)
    _on_the_hub(repository, file or needed)
    return source


def _local(path: Path, needed: str) -> str:
    if needed and not (path / needed).is_file():
        raise AssetError(f"'{path}' holds no pipeline: it has no {needed}. Name the folder that has one.")
    if not path.exists():
        raise AssetError(f"'{path}' is missing.")
    return str(path)


def _on_the_hub(repository: str, file: str) -> None:
    """Check that a file is cached or can be reached; the answer costs one small request."""
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if file and isinstance(try_to_load_from_cache(repository, file), str):
        return
    target = (environment.weights_place() or Path(f"${environment.VARIABLE}")) / repository.partition("/")[2]
    fetch = f"On a machine with internet access run: hf download {repository} --local-dir {target}"
    try:
        HfApi().model_info(repository, timeout=SECONDS)
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
        raise AssetError(f"'{repository}' cannot be downloaded from the hub: {_line(error)}. {fetch}") from error
    except Exception as error:  # the hub's client has had several kinds of network errors
        if "http" not in type(error).__module__:
            raise
        raise AssetError(f"The hub cannot be reached to download '{repository}': {_line(error)}. {fetch}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
