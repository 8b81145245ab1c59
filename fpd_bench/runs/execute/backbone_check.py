"""A backbone by name (drift.backbone), checked before work: is it there, and does it take images of the track?"""

import torch

from fpd_bench.config.schema import RunConfig
from fpd_bench.config.tracks import track_sizes
from fpd_bench.distill.spaces import FeatureSpace
from fpd_bench.errors import ConfigError, FpdError
from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.models.named_backbone import open_backbone

META = torch.device("meta")


def check_backbone(config: RunConfig, here: bool) -> None:
    """Refuse a backbone that does not fit the run: ConfigError for a network, blocks, a grid or a size, UnknownName for
    a name.

    here: the run is made on this machine, so the weights are opened, too. Raises AssetError if they cannot be had.
    """
    drift, sizes = config.drift, track_sizes(config.track.name, config.track.preset)
    pixels = sizes.pixels if sizes else 256
    try:
        with META:
            space = FeatureSpace.on_backbone(FeatureBackbone(drift.backbone, pretrained=False), drift)
            space(torch.empty(1, 3, pixels, pixels))
    except FpdError:
        raise
    except Exception as error:  # timm's networks have many ways of saying that an image is of the wrong size
        what = " ".join(str(error).split())[:200] or type(error).__name__
        raise ConfigError(
            f"drift.backbone={drift.backbone} does not take images of {drift.resize or pixels} px: {what}. "
            "drift.resize=224 may help."
        ) from error
    if here:
        open_backbone(drift.backbone)
