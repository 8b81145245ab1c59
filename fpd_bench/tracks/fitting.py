"""Do published files fit the models that read them, by the names and shapes of all tensors? Nothing is loaded: the
models are built from their settings on torch's meta device, and of the files only the tables of contents are read.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import timm
import torch
from torch import nn

from fpd_bench.assets.published import DEIT, DINO, PUBLISHED, Published
from fpd_bench.assets.weight_files import contents
from fpd_bench.errors import AssetError
from fpd_bench.models.clip_text import ClipText
from fpd_bench.models.maskgen_network import MaskGen
from fpd_bench.models.maskgit_networks import MaskGit
from fpd_bench.models.projected_gan import DEIT_NAME
from fpd_bench.models.published_sizes import (
    clip_shape,
    maskgen_score,
    maskgen_shape,
    maskgit_shape,
    read_config,
    tatitok_shape,
    vqgan_shape,
)
from fpd_bench.models.tatitok import TaTiTok
from fpd_bench.models.vit import HEADS
from fpd_bench.models.vqgan import Vqgan
from fpd_bench.models.weight_loading import check_fit, require_fit
from fpd_bench.tracks.paper import DINO_NAME

META = torch.device("meta")


def misfits(track: str, folder: Path) -> Iterator[tuple[Published, str]]:
    """Find every file of the track that is there and does not fit its model: (file, what is wrong)."""
    for file in (*PUBLISHED[track], DEIT):
        if not file.absent(folder):
            try:
                with META:
                    _require(file, file.path(folder))
            except AssetError as error:
                yield file, str(error)


def require_fitting(track: str, folder: Path) -> None:
    """Check that every file that all runs of the track read fits its model. Raises AssetError for the first that
    does not.
    """
    for file, text in misfits(track, folder):
        if file is not DEIT:
            raise AssetError(text)


def _require(file: Published, path: Path) -> None:
    if file.kind:
        return require_fit(MODELS[file.kind](path), contents(path).shapes, path, file.kind)
    beside = path.with_name("config.json")
    config = read_config(beside) or {}
    name = config.get("architecture", DINO_NAME) if file is DINO else DEIT_NAME
    try:
        network = timm.create_model(name, pretrained=False, num_classes=0, **(config.get("model_args") or {}))
    except (RuntimeError, TypeError, AssertionError) as error:  # timm's ways of refusing a name or a size
        raise AssetError(f"'{beside}' names a model '{name}' that timm refuses: {error}. Fetch it again.") from error
    shapes = {key: shape for key, shape in contents(path).shapes.items() if not key.startswith(HEADS)}
    return check_fit(network.state_dict(), shapes, f"Weights '{path}' ({name})")


def _maskgen(path: Path) -> nn.Module:
    config = path.with_name("config.json")
    maskgen_score(config)  # read when the track is opened
    return MaskGen(maskgen_shape(config))


MODELS: dict[str, Callable[[Path], nn.Module]] = {  # by kind, from what lies beside a weights file
    "maskgen": _maskgen,
    "tatitok": lambda path: TaTiTok(tatitok_shape(path.with_name("config.json"))),
    "clip_text": lambda path: ClipText(clip_shape(path.with_name("open_clip_config.json"))),
    "maskgit": lambda path: MaskGit(maskgit_shape(path.with_suffix(".json"))),
    "vqgan": lambda path: Vqgan(vqgan_shape(path.with_name("model.yaml"))),
}
