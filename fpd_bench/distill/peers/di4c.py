"""Di4C and Di4C-d (Hayakawa et al. 2024, arXiv:2410.08709): a mixture of products learns what single products cannot.

At time r an image is masked to x_r, a share arccos(r) / (pi / 2) of it. Of its M members the student is to agree
- with the teacher, where r >= 1 - delta:   distil = mean_m KL(p_T, p_m) / delta
- else with itself one teacher step on:     consis = KL(sg mean p_u, mean_m p_m) + mean over draws x ~ p_u of cor(x)
- Di4C-d, with data x0 as well:             data = a(r) cor(x0) + KL(p_T, mean_m p_m), a = alpha sigmoid(20 (1/2 - r))
where cor(x) = -[log mean_m prod_l p_ml(x_l) - sum_l log mean_m p_ml(x_l)]: what the mixture knows of x beyond its
marginals. All sums are over all L tokens. From sony/di4c@ac61ff9 (MIT), in our own words; ours: docs/methods.md.

Letters: b images of this rank, M members, L tokens, K codes (mask id = K).
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fpd_bench.bench import Condition, Track
from fpd_bench.config.fields import own_settings
from fpd_bench.config.schema import RunConfig
from fpd_bench.distill import parallel
from fpd_bench.distill.method import Clock, micro_batches
from fpd_bench.distill.peers.mixture import MixtureStudent
from fpd_bench.distill.peers.pair_set import PairSet, draw_uniform, leave_out, mask_share
from fpd_bench.distill.work import Networks, Work
from fpd_bench.errors import ConfigError
from fpd_bench.models.sampling import keyed_categorical
from fpd_bench.models.streams import Streams, seed_of
from fpd_bench.registry import methods

CONFIDENCE_NOISE = 4.5  # of the teacher's step, fading as 1 - 8/7 r


def mean_law(log_p: Tensor) -> Tensor:
    """Compute the log of the mixture's marginals [b, L, K] from its members [b, M, L, K]."""
    return log_p.logsumexp(1) - math.log(log_p.shape[1])


def correlation(log_p: Tensor, codes: Tensor) -> Tensor:
    """Compute cor(x) [b] of codes [b, L] under members log_p [b, M, L, K]; 0 for members that are equal."""
    each = log_p.gather(-1, codes[:, None, :, None].expand(-1, log_p.shape[1], -1, -1)).squeeze(-1)  # [b, M, L]
    together = each.sum(-1).logsumexp(1) - math.log(each.shape[1])
    alone = (each.logsumexp(1) - math.log(each.shape[1])).sum(-1)
    return alone - together


def kl(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Compute KL(p, q) [...] of laws [..., L, K], summed over tokens."""
    return (log_p.exp() * (log_p - log_q)).sum((-1, -2))


@dataclass(frozen=True)
class LatentBatch:
    """x0 and x_r [b, L], r [b], its condition; log p_T [b, L, K]; x_u [b, M, L], the teacher's continuations; latents
    of student and target, and what draws x ~ p_u."""

    codes: Tensor
    tokens: Tensor
    time: Tensor
    condition: Condition
    teacher: Tensor
    later: Tensor
    latent: Tensor
    fresh: Tensor
    draws: Tensor


@methods.register("di4c")
class Di4C:
    """Mixture against teacher and its own later self. `di4c-d` adds the data."""

    data = False

    def __init__(self, config: RunConfig, track: Track, streams: Streams):
        self.config, self.track, self.streams = config, track, streams
        self.own = own_settings(config, config.method)
        self.device = track.tokenizer.codebook.device
        self.pairs = PairSet(track, self.own.pairs, seed_of("pairs", config.seed))

    @staticmethod
    def new_student(config: RunConfig, track: Track) -> nn.Module:
        """Make a trainable copy of the teacher with a latent. Raises ConfigError for networks without a `width`."""
        width = getattr(track.teacher, "width", 0)
        if not width:
            raise ConfigError(f"method={config.method}: the networks of track '{track.name}' have no `width`.")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of("latent", config.seed))
            return MixtureStudent(track.new_student(), width).to(track.tokenizer.codebook.device)

    def backward(self, student: nn.Module, condition: Condition, progress: float) -> dict[str, float]:
        """Add the loss's gradient; see Method. The conditions are those of the pairs."""
        clock = Clock()
        with clock("refine"):
            batch = self._draw(len(condition))
        loss, total = 0.0, len(batch.codes) * parallel.ranks()
        with clock("backward"):
            for rows in micro_batches(len(batch.codes), self.config.execution.micro_batch):
                part = self.loss(student, batch, rows).sum() / total
                part.backward()
                loss += float(part.detach())
        return {"loss": loss * parallel.ranks()} | clock.seconds

    def after_step(self, student: nn.Module, condition: Condition) -> dict[str, float]:
        """Do nothing: there is no other network."""
        return {}

    @staticmethod
    def cost(config: RunConfig, networks: Networks) -> Work:
        """Count a call of the teacher, and M of the student, with a gradient and, for the target, without."""
        student, members = networks.student, own_settings(config, config.method).latents
        longer = (networks.tokens + 1) / networks.tokens  # by the latent
        flops = {"student": longer * members * (2 * student.forward + student.backward), "teacher": student.forward}
        noise = networks.tokens * (1 + 3 * members) + 2 * members
        return Work(flops, noise, members * student.alive, members * student.kept)

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None: ...

    def loss(self, student: nn.Module, batch: LatentBatch, rows: slice) -> Tensor:
        """Compute the loss [b] of these images."""
        time, teacher, given = batch.time[rows], batch.teacher[rows], batch.condition[rows]
        log_p = self._members(student, batch.tokens[rows, None].expand_as(batch.later[rows]), given, batch.latent[rows])
        mean = mean_law(log_p)
        with torch.no_grad():
            target = self._members(student, batch.later[rows], given, batch.fresh[rows])
            drawn = keyed_categorical(target, batch.draws[rows])
        last = time >= 1 - self.own.delta
        distil = kl(teacher[:, None], log_p).mean(1) / self.own.delta
        consis = kl(mean_law(target), mean)
        consis = consis + torch.stack([correlation(log_p, drawn[:, m]) for m in range(drawn.shape[1])]).mean(0)
        total = torch.where(last, distil, consis)
        if self.data:
            share = self.own.alpha * torch.sigmoid(20 * (0.5 - time))
            total = total + share * correlation(log_p, batch.codes[rows]) + kl(teacher, mean)
        return total

    @torch.no_grad()
    def _draw(self, b: int) -> LatentBatch:
        """Draw images, mask them to a time, and let the teacher, without guidance, take a step from there M times."""
        codes, condition = self.pairs.draw(b, self.streams["start"])
        length, members, draw = codes.shape[1], self.own.latents, self.streams["refine"]
        noise = draw_uniform((b, 2 + 2 * members + length), draw, self.device)
        time, dropped, latents, masks = noise.split([1, 1, 2 * members, length], dim=1)
        condition = leave_out(self.track, condition, dropped[:, 0] < self.own.drop)
        hidden = masks < mask_share(1 - time)
        tokens = codes.masked_fill(hidden, self.track.n_codes)
        teacher = self.track.teacher(tokens, condition).log_softmax(-1)
        uniforms = draw_uniform((b, 3, members, length), draw, self.device)
        later = self._continue(tokens, teacher, time, uniforms[:, 0], uniforms[:, 1])
        latent, fresh = latents.split(members, dim=1)
        draws = uniforms[:, 2].contiguous()
        return LatentBatch(codes, tokens, time[:, 0], condition, teacher, later, latent, fresh, draws)

    def _continue(self, tokens: Tensor, teacher: Tensor, time: Tensor, codes: Tensor, order: Tensor) -> Tensor:
        """Reveal the most confident masked tokens of x_r [b, L] that the step from r to r + delta is due, M times.

        time [b, 1]; codes, order: uniform numbers [b, M, L]. Gives x_u [b, M, L].
        """
        length, hidden = tokens.shape[1], tokens == self.track.n_codes
        law = teacher[:, None].expand(-1, codes.shape[1], -1, -1)
        drawn = keyed_categorical(law, codes.contiguous())
        gumbel = -torch.log(-torch.log(order.clamp(1e-9, 1 - 1e-7)))
        fading = (1 - time * 8 / 7).clamp_min(0)[..., None]  # published: negative for r > 7 / 8
        sure = law.gather(-1, drawn[..., None]).squeeze(-1) + CONFIDENCE_NOISE * fading * gumbel
        rank = sure.masked_fill(~hidden[:, None], -torch.inf).argsort(-1, descending=True).argsort(-1)
        revealed = length * (1 - mask_share((1 - time - self.own.delta).clamp_min(0)))
        due = (revealed - (~hidden).sum(1, keepdim=True)).floor()[..., None]
        return torch.where(hidden[:, None] & (rank < due), drawn, tokens[:, None])

    def _members(self, student: nn.Module, tokens: Tensor, condition: Condition, latent: Tensor) -> Tensor:
        """Compute log p_m [b, M, L, K] at tokens [b, M, L], members latent [b, M]."""
        members = tokens.shape[1]
        logits = student(tokens.flatten(0, 1), condition.repeat(members), latent=latent.flatten())
        found: Tensor = logits.log_softmax(-1).unflatten(0, (-1, members))
        return found


@methods.register("di4c-d")
class Di4CD(Di4C):
    """Di4C with the data term: the published code's defaults."""

    data = True
