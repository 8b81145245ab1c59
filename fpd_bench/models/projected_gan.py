"""StyleGAN-XL's projected discriminator (Sauer et al. 2022, arXiv:2202.00273), unconditional: the paper's adversary.

Two frozen feature networks; random, frozen 1x1 convolutions mix their channels (CCM) and neighbouring scales (CSM);
only the small heads on the four scales are trained. Numbers follow autonomousvision/stylegan-xl@4241ff9 (MIT), whose
training sums its hinge losses over the batch too (its logits are a list of single rows); here each feature network
contributes a mean, which Adam cannot tell apart. Letters: B batch, H x W pixels, C channels.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

from fpd_bench.assets.required_files import discriminator_file
from fpd_bench.errors import AssetError, UnknownName
from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.models.compute import is_recomputing, network_entry
from fpd_bench.models.published_sizes import read_config
from fpd_bench.models.vit import HEADS
from fpd_bench.models.weight_loading import check_fit, load_state

DEIT_NAME = "deit_base_distilled_patch16_224"
SIDE = 224  # pixels the feature networks see
HEAD_CHANNELS = {8: 512, 16: 256, 32: 128, 64: 64, 128: 64}  # of a head's map, by the map's side


class RandomProjection(nn.Module):
    """CCM and CSM: four maps, finest first, each half the size of the one before -> four maps of twice their size.

    With `expand` the mixed widths are cout * (1, 2, 4, 8) and the outputs cout * (1, 1, 2, 4).
    """

    def __init__(self, channels: tuple[int, ...], cout: int = 64, expand: bool = True):
        super().__init__()
        mixed = [cout * 2**i if expand else cout for i in range(4)]
        # the finest scale keeps its width, to save channels where the map is largest
        self.channels = [mixed[0], *(c // 2 if expand else c for c in mixed[1:])]
        for i in range(4):
            scale_mixer = nn.Module()
            scale_mixer.add_module("out_conv", nn.Conv2d(mixed[i], self.channels[i], 1))
            self.add_module(f"layer{i}_ccm", nn.Conv2d(channels[i], mixed[i], 1))
            self.add_module(f"layer{i}_csm", scale_mixer)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Mix the maps: maps[i] [B, channels[i], H_i, W_i] -> [B, self.channels[i], 2 H_i, 2 W_i], from the
        coarsest up.
        """
        above, out = None, []
        for i in reversed(range(4)):
            x = self.get_submodule(f"layer{i}_ccm")(maps[i])
            x = x if above is None else above + x
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
            above = self.get_submodule(f"layer{i}_csm.out_conv")(x)
            out.append(above)
        return out[::-1]


class DownBlock(nn.Module):
    """Halve the map: spectrally normalised 4x4 convolution, batch norm, leaky ReLU."""

    def __init__(self, inside: int, outside: int):
        super().__init__()
        self.main = nn.Sequential(
            spectral_norm(nn.Conv2d(inside, outside, 4, stride=2, padding=1)),
            nn.BatchNorm2d(outside),
            nn.LeakyReLU(0.2),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x)


class Head(nn.Module):
    """A patch discriminator: [B, channels, side, side] -> logits [B, 1, 5, 5] (4 x 4 at a side of 14 * 2^n)."""

    def __init__(self, channels: int, side: int, width: int | None = None):
        """Build the layers. side: nominal, a power of two >= 8; width: of every layer, instead of HEAD_CHANNELS."""
        super().__init__()
        layers: list[nn.Module] = []
        while side > 8:
            side //= 2
            layers.append(DownBlock(channels, width or HEAD_CHANNELS[side]))
            channels = width or HEAD_CHANNELS[side]
        self.main = nn.Sequential(*layers, spectral_norm(nn.Conv2d(channels, 1, 4, bias=False)))

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x)


class Heads(nn.Module):
    """One head per scale; the nominal sides are those of 256-pixel inputs, as published."""

    def __init__(self, channels: list[int]):
        super().__init__()
        self.mini_discs = nn.ModuleList(Head(c, side) for c, side in zip(channels, (128, 64, 32, 16), strict=True))

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Judge four projected maps -> the logits of all scales [B, n]."""
        return torch.cat([head(m).flatten(1) for head, m in zip(self.mini_discs, maps, strict=True)], dim=1)


class ConvFeatures(nn.Module):
    """EfficientNet-Lite0 after strides 4, 8, 16 and 32; its pretrained weights are embedded, `weights` not read."""

    def __init__(self, name: str, pretrained: bool, weights: Path | None = None):
        super().__init__()
        self.net = FeatureBackbone(name, (1, 2, 3, 4), pretrained=pretrained)
        self.channels: tuple[int, ...] = tuple(self.net.channels.values())

    def forward(self, images: Tensor) -> list[Tensor]:
        """Compute features: [B, 3, SIDE, SIDE] in [0, 1] -> four maps."""
        return list(self.net(images).values())


class VitFeatures(nn.Module):
    """A ViT-B/16 after blocks 2, 5, 8 and 11, brought to strides 4, 8, 16 and 32 by random convolutions.

    weights: a local file instead of timm's download; `config.json` beside it may name other sizes of the network.
    """

    channels = (96, 192, 384, 768)
    net: Any
    mean: Tensor
    std: Tensor

    def __init__(self, name: str, pretrained: bool, weights: Path | None = None):
        super().__init__()
        beside = (read_config(weights.with_name("config.json")) or {}) if weights else {}
        sizes = beside.get("model_args") or {}
        try:
            self.net = timm.create_model(name, pretrained=pretrained and not weights, num_classes=0, **sizes)
        except (OSError, RuntimeError) as error:
            raise AssetError(
                f"The pretrained weights of '{name}' cannot be loaded: {error}. "
                f"With access to the hub, run: hf download timm/{name}.fb_in1k"
            ) from error
        if weights:
            state = {key: value for key, value in load_state(weights).items() if not key.startswith(HEADS)}
            check_fit(self.net.state_dict(), state, f"Weights '{weights}' ({name})")
            self.net.load_state_dict(state)
        config = self.net.pretrained_cfg
        self.register_buffer("mean", torch.tensor(config["mean"]).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config["std"]).view(3, 1, 1), persistent=False)
        a, b, _, d = self.channels
        self.project = nn.ModuleList(nn.Conv2d(self.net.embed_dim, out, 1) for out in self.channels)
        self.resize = nn.ModuleList(
            [
                nn.ConvTranspose2d(a, a, 4, stride=4),
                nn.ConvTranspose2d(b, b, 2, stride=2),
                nn.Identity(),
                nn.Conv2d(d, d, 3, stride=2, padding=1),
            ]
        )

    @network_entry
    def forward(self, images: Tensor) -> list[Tensor]:
        """Compute features: [B, 3, SIDE, SIDE] in [0, 1] -> four maps."""
        self.net.set_grad_checkpointing(is_recomputing())
        x = (images - self.mean) / self.std
        maps = self.net.forward_intermediates(x, indices=[2, 5, 8, 11], norm=False, intermediates_only=True)
        return [resize(project(m)) for m, project, resize in zip(maps, self.project, self.resize, strict=True)]


NETWORKS: dict[str, type[VitFeatures | ConvFeatures]] = {  # timm's names
    DEIT_NAME: VitFeatures,
    "tf_efficientnet_lite0": ConvFeatures,
}


class Projector(nn.Module):
    """Images [B, 3, H, W] in [0, 1] -> the four projected maps of one feature network. Frozen, always in eval()."""

    def __init__(self, name: str, pretrained: bool = True, weights: Path | None = None):
        super().__init__()
        if name not in NETWORKS:
            raise UnknownName("feature network", name, NETWORKS)
        features = NETWORKS[name](name, pretrained, weights)
        self.features, self.mix = features, RandomProjection(features.channels)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> "Projector":
        """Keep the network in evaluation mode: the batch statistics of a frozen network must not move."""
        return super().train(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        x = F.interpolate(images, (SIDE, SIDE), mode="bilinear", align_corners=False)
        return self.mix(self.features(x))


class ProjectedDiscriminator(nn.Module):
    """Frozen projectors and trained heads: a drop-in for the light `discriminator.ProjectedDiscriminator`."""

    def __init__(
        self,
        networks: tuple[str, ...] = tuple(NETWORKS),
        pretrained: bool = True,
        seed: int = 0,
        weights: Path | None = None,
    ):
        """Build projectors and heads. pretrained=False: random feature networks. seed: of everything random, frozen
        parts included.

        weights: a local file for the vision transformer, instead of timm's download.

        Raises UnknownName (networks), AssetError (weights).
        """
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            projectors = {name: Projector(name, pretrained, weights) for name in networks}
            self.projectors = nn.ModuleDict(projectors)
            self.heads = nn.ModuleDict({name: Heads(p.mix.channels) for name, p in projectors.items()})

    @property
    def networks(self) -> int:
        """Return how many feature networks look at an image, each after an augmentation of its own."""
        return len(self.projectors)

    def trained(self) -> Iterator[nn.Parameter]:
        """Give the parameters for the discriminator's optimizer; all others are frozen."""
        return self.heads.parameters()

    def forward(self, images: Tensor, augment: Callable[[Tensor], Tensor] | None = None) -> list[Tensor]:
        """Judge images: images [B, 3, H, W] in [0, 1] -> logits [B, 64] per feature network; differentiable.

        augment: applied anew for each network, as published; images already augmented need none.
        """
        views = ((name, images if augment is None else augment(images)) for name in self.projectors)
        return [self.heads[name](self.projectors[name](view_of_images)) for name, view_of_images in views]


def open_published(seed: int) -> ProjectedDiscriminator:
    """Open both feature networks with their published weights, DeiT-B from $FPD_WEIGHTS. Raises AssetError."""
    return ProjectedDiscriminator(seed=seed, weights=discriminator_file())


def discriminator_hinge(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """Compute the sum over feature networks of mean relu(1 - real) + mean relu(1 + fake)."""
    return torch.stack([F.relu(1 - x).mean() for x in real] + [F.relu(1 + x).mean() for x in fake]).sum()


def generator_hinge(fake: list[Tensor]) -> Tensor:
    """Compute the sum over feature networks of -mean fake."""
    return -torch.stack([x.mean() for x in fake]).sum()
