"""The digits' tokenizer in the bench's words: images of three equal channels, codes, and images again."""

import torch
from torch import Tensor

from fpd_bench.models.condition import Condition
from fpd_bench.models.conv_vq import ConvVq

AT_ONCE = 256  # images encoded together


class DigitsTokenizer:
    """Frozen Enc, E and D."""

    def __init__(self, network: ConvVq):
        self.network = network

    @property
    def codebook(self) -> Tensor:
        """Return the codebook [K, d]."""
        return self.network.codebook

    def to(self, device: torch.device | str) -> None:
        """Move the network."""
        self.network.to(device)

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Encode images: [B, 3, H, W] in [0, 1] -> codes [B, L], of the images' grey."""
        grey = images.mean(dim=1, keepdim=True)
        return torch.cat([self.network.nearest(self.network.features(part)) for part in grey.split(AT_ONCE)])

    def decode(self, embeddings: Tensor, condition: Condition | None = None) -> Tensor:
        """Decode embeddings: [B, L, d] -> [B, 3, H, W], about [0, 1], not clamped; the condition plays no part."""
        return self.network.decode(embeddings).expand(-1, 3, -1, -1)
