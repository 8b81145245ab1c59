"""MaskGen's networks, each built from the configuration that lies beside its weights; none of the weights is read."""

from pathlib import Path

from fpd_bench.models.clip_text import ClipText
from fpd_bench.models.maskgen_network import MaskGen
from fpd_bench.models.published_sizes import clip_shape, maskgen_score, maskgen_shape, tatitok_shape
from fpd_bench.models.tatitok import TaTiTok


def read_score(weights: Path) -> float:
    """Read the aesthetic score that the teacher is told. Raises AssetError."""
    return maskgen_score(weights.with_name("config.json"))


def build_teacher(weights: Path) -> MaskGen:
    """Build the transformer that writes codes. Raises AssetError for a configuration that cannot be used."""
    shape = maskgen_shape(weights.with_name("config.json"))
    read_score(weights)  # the track reads it later; a file without it is told here
    return MaskGen(shape)


def build_tokenizer(weights: Path) -> TaTiTok:
    """Build TA-TiTok, which decodes them. Raises AssetError as `build_teacher`."""
    return TaTiTok(tatitok_shape(weights.with_name("config.json")))


def build_text(weights: Path) -> ClipText:
    """Build the text tower of CLIP. Raises AssetError as `build_teacher`."""
    return ClipText(clip_shape(weights.with_name("open_clip_config.json")))
