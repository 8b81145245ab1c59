"""Di4C's student: a mixture over a latent number, p(z | x) = mean over lambda of prod_l p_lambda(z_l | x).

The latent becomes one more token behind the positions of the teacher's network, and is dropped before its head
(sony/di4c@ac61ff9, MIT; our own code). Letters: b rows, L tokens, K codes.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from fpd_bench.bench import Condition
from fpd_bench.models.maskgen_network import sinusoid
from fpd_bench.models.perturbation import Perturbation

WAVES, HIDDEN = 128, 512  # of the latent's embedding


class MixtureStudent(nn.Module):
    """The teacher's network with a latent. New layers begin as PyTorch's do: the latent is heard from the start."""

    def __init__(self, network: nn.Module, width: int):
        super().__init__()
        self.network, self.width = network, width
        self.latent = nn.Sequential(nn.Linear(WAVES, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, width))

    def forward(
        self, tokens: Tensor, condition: Condition, perturbation: Perturbation | None = None, *, latent: Tensor
    ) -> Tensor:
        """Compute logits [b, L, K] of the members latent [b] in [0, 1)."""
        extra = self.latent(sinusoid(1000 * latent, WAVES, max_period=10_000))[:, None]
        logits: Tensor = self.network(tokens, condition, perturbation, extra)
        return logits

    def embeddings(self) -> list[Tensor]:
        """List the embeddings of tokens and their places."""
        found: list[Tensor] = self.network.embeddings()  # type: ignore[operator]
        return found

    def settled(self, generators: Sequence[torch.Generator]) -> Callable[..., Tensor]:
        """Return what samplers call: a latent for each item, from its own generator, and a new one in each step."""
        return _Settled(self, generators)


class _Settled:
    """Asked twice about the same tokens, with and without the condition, or about both in one batch, it has one latent
    for both."""

    def __init__(self, student: MixtureStudent, generators: Sequence[torch.Generator]):
        self.student, self.generators = student, generators
        self.seen: Tensor | None = None

    def __call__(self, tokens: Tensor, condition: Condition, perturbation: Perturbation | None = None) -> Tensor:
        if tokens is not self.seen:
            self.latent = torch.cat([torch.rand(1, generator=one) for one in self.generators]).to(tokens.device)
            self.seen = tokens
        latent = self.latent.repeat(len(tokens) // len(self.latent))
        logits: Tensor = self.student(tokens, condition, perturbation, latent=latent)
        return logits
