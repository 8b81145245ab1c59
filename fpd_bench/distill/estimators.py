"""How a gradient passes the discrete bottleneck: registry `estimators` (Table 3a, Eq. 8).

An estimator turns draft logits and sampled codes into decoder inputs. `soft_teacher` says that the draft also reaches
the teacher as a mixture instead of as codes ("Soft Emb." in the paper).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fpd_bench.registry import estimators


@estimators.register("ste")
@dataclass(frozen=True)
class StraightThrough:
    """Codebook rows of the sampled codes forward, bit for bit, gradient of the soft mixture backward (Eq. 8)."""

    on_codebook = True
    soft_teacher = False

    def __call__(self, logits: Tensor, codes: Tensor, codebook: Tensor) -> Tensor:
        """Embed the codes: logits [B, L, K], codes [B, L], codebook [K, d] -> embeddings [B, L, d]."""
        soft = logits.softmax(-1) @ codebook
        return codebook[codes] + (soft - soft.detach())  # the bracket is exactly 0: without it the row is rounded


@estimators.register("soft")
@dataclass(frozen=True)
class SoftEmbedding:
    """The mixture of codebook rows itself, in both directions; off the codebook manifold (Table 3a, "Soft Emb.")."""

    on_codebook = False
    soft_teacher = True

    def __call__(self, logits: Tensor, codes: Tensor, codebook: Tensor) -> Tensor:
        """Embed the mixture: logits [B, L, K], codes [B, L] (unused), codebook [K, d] -> embeddings [B, L, d]."""
        return torch.softmax(logits, dim=-1) @ codebook
