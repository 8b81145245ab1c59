"""Do published files fit the models that read them, by the names and shapes of all tensors? Nothing is loaded: the
models are built from their settings on torch's meta device, and of the files only the tables of contents are read.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name

import timm
import torch

from fpd_bench.assets.published_files import DEIT, DETECTOR, DINO, PublishedFile, TrackFiles
from fpd_bench.assets.weight_files import contents
from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.models.projected_gan import DEIT_NAME
from fpd_bench.models.published_sizes import read_config
from fpd_bench.models.vit import HEADS
from fpd_bench.models.weight_loading import check_fit, require_fit
from fpd_bench.tracks.paper import DINO_NAME

META = torch.device("meta")


def misfits(files: TrackFiles, folder: Path) -> Iterator[tuple[PublishedFile, str]]:
    """Find every file of the track that is there and does not fit its model: (file, what is wrong)."""
    for file in (*files.of_every_run, DEIT):
        if not file.absent(folder):
            try:
                _require(file, file.path(folder))
            except (AssetError, ConfigError) as error:
                yield file, str(error)


def require_fitting(files: TrackFiles, folder: Path) -> None:
    """Check that every file that all runs of the track read fits its model. Raises AssetError for the first that
    does not.
    """
    for file, text in misfits(files, folder):
        if file is not DEIT:
            raise AssetError(text)


def _require(file: PublishedFile, path: Path) -> None:
    if file is not DETECTOR:
        with META:
            _require_on_meta(file, path)
    elif find_spec("transformers") and find_spec("accelerate"):  # else loading it tells
        from fpd_bench.evals.geneval.mask2former import require_weights

        require_weights(path.parent)


def _require_on_meta(file: PublishedFile, path: Path) -> None:
    if file.network:
        network = resolve_name(file.network)(path)
        if file.kind:
            return require_fit(network, contents(path).shapes, path, file.kind)
        return check_fit(network.state_dict(), contents(path).shapes, f"Weights '{path}' ({file.role})")
    if file not in (DINO, DEIT):
        return None
    beside = path.with_name("config.json")
    config = read_config(beside) or {}
    name = config.get("architecture", DINO_NAME) if file is DINO else DEIT_NAME
    try:
        network = timm.create_model(name, pretrained=False, num_classes=0, **(config.get("model_args") or {}))
    except (RuntimeError, TypeError, AssertionError) as error:  # timm's ways of refusing a name or a size
        raise AssetError(f"'{beside}' names a model '{name}' that timm refuses: {error}. Fetch it again.") from error
    shapes = {key: shape for key, shape in contents(path).shapes.items() if not key.startswith(HEADS)}
    return check_fit(network.state_dict(), shapes, f"Weights '{path}' ({name})")
