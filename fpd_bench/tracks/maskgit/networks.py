"""MaskGIT's networks, each built from the configuration that lies beside its weights; none of the weights is read."""

from pathlib import Path

from fpd_bench.models.maskgit_networks import MaskGit
from fpd_bench.models.published_sizes import maskgit_shape, vqgan_shape
from fpd_bench.models.vqgan import Vqgan


def build_teacher(weights: Path) -> MaskGit:
    """Build the transformer that writes codes. Raises AssetError for a configuration that cannot be used."""
    return MaskGit(maskgit_shape(weights.with_suffix(".json")))


def build_tokenizer(weights: Path) -> Vqgan:
    """Build the VQGAN, which decodes them. Raises AssetError as `build_teacher`."""
    return Vqgan(vqgan_shape(weights.with_name("model.yaml")))
