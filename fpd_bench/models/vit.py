"""Vision transformers of timm as feature maps: DINOv3 ViT-B/16 in the paper, any plain ViT elsewhere.

Unless asked for, class and register tokens are dropped and the final norm is not applied, so that a block's map does
not depend on whether it is the last one.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import timm
from timm.models import model_entrypoint
from torch import Tensor, nn

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.models.compute import is_recomputing
from fpd_bench.models.weight_loading import check_fit, load_state

FAMILIES = ("vision_transformer", "eva", "deit", "beit")  # timm's modules whose models are columns of equal blocks
HEADS = ("head.", "head_dist.", "fc_norm.")  # classifiers, of no use here


def is_transformer(name: str) -> bool:
    """Say whether timm model `name` is a plain vision transformer."""
    return model_entrypoint(name).__module__.rpartition(".")[2] in FAMILIES


class TransformerMaps(nn.Module):
    """Normalised images [B, 3, side, side] -> one map [B, width, side / patch, side / patch] per wanted block.

    side: 0 = the model's own input size. weights: a local file instead of timm's download. Raises AssetError.
    """

    def __init__(
        self, name: str, side: int, pretrained: bool, weights: str | Path | None, model_args: Mapping[str, Any] | None
    ):
        super().__init__()
        arguments: dict[str, Any] = {"num_classes": 0, **(model_args or {}), **({"img_size": side} if side else {})}
        try:
            net: Any = timm.create_model(name, pretrained=pretrained and not weights, **arguments)
        except (OSError, RuntimeError) as error:
            raise AssetError(
                f"The pretrained weights of backbone '{name}' cannot be loaded: {error} On a machine without network "
                "give a local weights file."
            ) from error
        if weights:
            state = {key: value for key, value in load_state(weights).items() if not key.startswith(HEADS)}
            check_fit(net.state_dict(), state, f"Weights '{weights}' (backbone {name})")
            net.load_state_dict(state)
        self.net = net
        self.depth, self.width = len(net.blocks), int(net.embed_dim)
        self.patch, self.side = (int(size[0]) for size in (net.patch_embed.patch_size, net.patch_embed.img_size))
        self.has_class = net.num_prefix_tokens > 0 and net.cls_token is not None
        self.has_norm = not isinstance(net.norm, nn.Identity)
        self.pretrained_cfg: dict[str, Any] = net.pretrained_cfg

    def forward(self, images: Tensor, blocks: Sequence[int], norm: bool = False) -> list[Tensor]:
        """Compute the maps of some blocks. blocks: ascending; the network runs no deeper than the last of them.
        norm: its final one, on each of them.
        """
        return self._maps(images, blocks, norm, prefix=False)

    def with_class(self, images: Tensor, blocks: Sequence[int], norm: bool = False) -> list[tuple[Tensor, Tensor]]:
        """Compute maps as `forward` does, each with the class token [B, width] of its block."""
        return [(map_, prefix[:, 0]) for map_, prefix in self._maps(images, blocks, norm, prefix=True)]

    def resize(self, side: int) -> None:
        """Take images of another side from now on; positions that were learnt are interpolated. Raises ConfigError."""
        if side % self.patch:
            raise ConfigError(f"Images of {side} px cannot be cut into patches of {self.patch} px. Use a multiple.")
        self.net.set_input_size(img_size=side)
        self.side = side

    def _maps(self, images: Tensor, blocks: Sequence[int], norm: bool, prefix: bool) -> list[Any]:
        self.net.set_grad_checkpointing(is_recomputing())
        return self.net.forward_intermediates(
            images,
            indices=list(blocks),
            norm=norm,
            stop_early=True,
            output_fmt="NCHW",
            intermediates_only=True,
            return_prefix_tokens=prefix,
        )
