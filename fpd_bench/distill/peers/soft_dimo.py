"""Soft-Di[M]O (Zhu et al. 2025, arXiv:2509.22925): Di[M]O and a discriminator that sees the draft's soft embeddings.

    L = L_DiMO + w_GAN L_GAN,   e = sum_v p_v E_v,   p the law of the draft, E the teacher's embedding of tokens.
Drafts and real codes are embedded alike, a share r ~ U[0, .95] of their tokens is replaced by the mask, and the frozen
teacher's own blocks are the discriminator's features, with light trained heads on some of them. No image is decoded;
the gradient reaches the logits through the teacher. No code is public: from the paper's description. Its reward term,
off by default there, and its search at test time (TTEO) are left out: they need reward models, and are no distillation.
What is ours, where the paper is silent: docs/methods.md. Letters: b samples of this rank, L tokens, K codes, W width.
"""

import copy
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fpd_bench.bench import Condition, Track
from fpd_bench.config.fields import own_settings
from fpd_bench.config.schema import RunConfig
from fpd_bench.distill import parallel
from fpd_bench.distill.method import Clock, micro_batches
from fpd_bench.distill.peers.dimo import DiMO
from fpd_bench.distill.peers.pair_set import PairSet, draw_uniform
from fpd_bench.distill.work import Networks, Work
from fpd_bench.errors import ConfigError
from fpd_bench.models.streams import Streams, seed_of
from fpd_bench.registry import methods


class EmbeddingCritic(nn.Module):
    """Heads on the teacher's blocks at 1/4, 1/2, 3/4 and all of its depth; the teacher is no part of its state."""

    def __init__(self, teacher: Any, seed: int):
        super().__init__()
        self._teacher = [teacher]  # in a list, so that its weights are not this module's
        depth, width = len(teacher.layers()), teacher.width
        self.blocks = sorted({math.ceil(depth * part / 4) - 1 for part in (1, 2, 3, 4)})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.heads = nn.ModuleList(_head(width) for _ in self.blocks)

    def forward(self, weights: Tensor, condition: Condition) -> Tensor:
        """Judge weights over codes and mask [b, L, K + 1]: [b, heads], each a mean over tokens; 1 = real."""
        teacher, seen = self._teacher[0], dict[int, Tensor]()
        layers = teacher.layers()

        def keep(block: int) -> Any:
            return lambda _module, _given, found: seen.__setitem__(block, teacher.image_part(found).float())

        hooks = [layers[block].register_forward_hook(keep(block)) for block in self.blocks]
        try:
            teacher(weights, condition)
        finally:
            for hook in hooks:
                hook.remove()
        judged = [head(seen[block]).mean((1, 2)) for block, head in zip(self.blocks, self.heads, strict=True)]
        return torch.stack(judged, dim=1)


def _head(width: int) -> nn.Module:
    small = max(1, width // 4)
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, small), nn.GELU(), nn.Linear(small, 1))


@methods.register("soft_dimo")
class SoftDiMO(DiMO):
    """Di[M]O's student and auxiliary network, and a discriminator that is trained after them, on the same drafts."""

    def __init__(self, config: RunConfig, track: Track, streams: Streams):
        if not hasattr(track.teacher, "layers"):
            raise ConfigError(f"method=soft_dimo: the networks of track '{track.name}' have no `layers()` to look at.")
        super().__init__(config, track, streams)
        self.own = own_settings(config, "soft_dimo")
        self.device = track.tokenizer.codebook.device
        self.critic = EmbeddingCritic(track.teacher, seed_of("critic", config.seed)).to(self.device)
        self.judge = torch.optim.Adam(self.critic.parameters(), lr=self.own.lr, betas=(0.0, 0.99))
        self.real = PairSet(track, self.own.pairs, seed_of("pairs", config.seed))
        self.fake: tuple[Tensor, Condition] | None = None  # laws of the last draft, for the discriminator's step

    def with_more(self, gradient: Tensor, logits: Tensor, condition: Condition) -> Tensor:
        """Add w_GAN d L_GAN / d logits, L_GAN = -mean of the heads' judgements of the soft draft."""
        laws, hidden = logits.softmax(-1), self._hidden(logits)
        self.fake = (laws, condition)
        self.critic.requires_grad_(False)
        pulls = []
        with torch.enable_grad():
            for rows in micro_batches(len(laws), self.config.execution.micro_batch):
                given = logits[rows].detach().requires_grad_()
                judged = self.critic(self._hide(given.softmax(-1), hidden[rows]), condition[rows])
                pulls.append(torch.autograd.grad(-judged.mean(1).sum(), given)[0])
        weight = self.own.weight / (len(laws) * parallel.ranks())
        return gradient + torch.cat(pulls) * (weight / self.config.start.temperature)  # of the bare logits

    def after_step(self, student: nn.Module, condition: Condition) -> dict[str, float]:
        """Train the auxiliary network, then the discriminator: hinge, on real pairs and the step's drafts."""
        stats, clock = super().after_step(student, condition), Clock()
        with clock("discriminator"):
            stats |= self._judge_step()
        return stats | clock.seconds

    @staticmethod
    def cost(config: RunConfig, networks: Networks) -> Work:
        """Count Di[M]O's work, and the teacher for the discriminator: twice without a gradient, once with one to the
        draft, which is half of a gradient to the weights as well."""
        work, student = DiMO.cost(config, networks), networks.student
        flops = work.flops | {"discriminator": 3 * student.forward + student.backward / 2}
        return Work(flops, work.noise + 3 * networks.tokens, max(work.at_once, student.kept), work.graph)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"heads": self.critic.state_dict(), "judge": self.judge.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.critic.load_state_dict(state["heads"])
        self.judge.load_state_dict(copy.deepcopy(state["judge"]))

    def _judge_step(self) -> dict[str, float]:
        assert self.fake is not None  # `backward` comes first in every step
        (laws, condition), draw = self.fake, self.streams["adversary"]
        codes, given = self.real.draw(len(laws), draw)
        real = F.one_hot(codes, self.track.n_codes).to(laws.dtype)
        self.critic.requires_grad_(True)
        on_real = self.critic(self._hide(real, self._hidden(real)), given)
        on_fake = self.critic(self._hide(laws, self._hidden(laws)), condition)
        loss = F.relu(1 - on_real).mean() + F.relu(1 + on_fake).mean()
        self.judge.zero_grad(set_to_none=True)
        loss.backward()
        parallel.average(p.grad for p in self.critic.parameters() if p.grad is not None)
        self.judge.step()
        self.fake = None
        return {"d_loss": loss.item(), "d_margin": (on_real.mean() - on_fake.mean()).item()}

    def _hidden(self, laws: Tensor) -> Tensor:
        """Draw what the discriminator does not see [b, L]: a share r ~ U[0, .95] of each sample, real or not."""
        b, length, _ = laws.shape
        noise = draw_uniform((b, length + 1), self.streams["adversary"], self.device)
        return noise[:, 1:] < noise[:, :1] * self.own.hidden

    def _hide(self, laws: Tensor, hidden: Tensor) -> Tensor:
        """Put the mask in the place of hidden tokens: laws [b, L, K] -> weights [b, L, K + 1]."""
        mask = F.one_hot(torch.full_like(hidden, self.track.n_codes, dtype=torch.long), self.track.n_codes + 1)
        return torch.where(hidden[..., None], mask.to(laws.dtype), F.pad(laws, (0, 1)))
