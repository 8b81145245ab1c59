"""SDTT (Deschenaux and Gulcehre 2024, arXiv:2410.21035): self-distillation through time, in rounds of one run.

In round k the teacher takes two steps of 2^k / N0 from a masked image at t; the student learns, in one call at t, the
law that each token had in the step that revealed it: the mean over masked tokens of KL(p_student, q), as in the
authors' code (jdeschena/sdtt@9172b86, which has no licence: no line is copied). Then the student is the next teacher.
That code is for text; what is ours for images: docs/methods.md. From masks alone in one step the best possible student
is the product of marginals: SDTT in one step is a negative control (published FID 90.40).

Letters: b samples of this rank, L tokens, K codes (mask id = K).
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from fpd_bench.bench import Condition, Track
from fpd_bench.config.fields import own_settings
from fpd_bench.config.schema import RunConfig
from fpd_bench.distill import parallel
from fpd_bench.distill.method import Clock, micro_batches
from fpd_bench.distill.peers.pair_set import PairSet, draw_uniform, mask_share
from fpd_bench.distill.refinement import guided_logits
from fpd_bench.distill.work import Networks, Work, teacher_calls
from fpd_bench.models.sampling import keyed_categorical
from fpd_bench.models.streams import Streams, seed_of
from fpd_bench.registry import methods

SUBSTEPS = 2  # m, of the teacher in a step of the student
EARLIEST = 1e-5  # no time is below


def divergence(log_p: Tensor, log_q: Tensor, kind: str) -> Tensor:
    """Compute the divergence of laws [.., K] of student p and teachers q [..]; kind: as plugin.sdtt.divergence."""
    if kind == "reverse_kl":
        return (log_p.exp() * (log_p - log_q)).sum(-1)
    if kind == "forward_kl":
        return (log_q.exp() * (log_q - log_p)).sum(-1)
    gap = log_p - log_q
    return gap.square().mean(-1) if kind == "mse" else gap.abs().mean(-1)


@methods.register("sdtt")
class SDTT:
    """Student against the last round's student; the first round's teacher is the track's, with guidance."""

    def __init__(self, config: RunConfig, track: Track, streams: Streams):
        self.config, self.track, self.streams = config, track, streams
        self.own = own_settings(config, "sdtt")
        self.device = track.tokenizer.codebook.device
        self.pairs = PairSet(track, self.own.pairs, seed_of("pairs", config.seed))
        self.round = 0
        self.teacher: nn.Module = track.teacher

    def backward(self, student: nn.Module, condition: Condition, progress: float) -> dict[str, float]:
        """Add the divergence's gradient; see Method. The conditions are those of the pairs."""
        clock = Clock()
        self._begin_round(student, min(self.own.rounds - 1, int(progress * self.own.rounds + 1e-9)))
        codes, given = self.pairs.draw(len(condition), self.streams["start"])
        time = self._times(len(codes))
        chance = mask_share(time, self.own.schedule)[:, None]
        hidden = draw_uniform(tuple(codes.shape), self.streams["refine"], self.device) < chance
        tokens = codes.masked_fill(hidden, self.track.n_codes)
        with clock("refine"):
            target, _ = self.jump(tokens, time, 2**self.round / self.own.base_steps, given)
        loss, everyone = 0.0, max(1, parallel.total(int(hidden.sum())))
        with clock("backward"):
            for rows in micro_batches(len(codes), self.config.execution.micro_batch):
                log_p = student(tokens[rows], given[rows]).log_softmax(-1)
                each = divergence(log_p, target[rows], self.own.divergence)
                part = (each * hidden[rows]).sum() / everyone
                part.backward()
                loss += float(part.detach())
        stats = {"loss": loss * parallel.ranks(), "round": float(self.round)}
        return stats | {"masked": float(hidden.float().mean())} | clock.seconds

    def after_step(self, student: nn.Module, condition: Condition) -> dict[str, float]:
        """Do nothing: the teachers do not learn."""
        return {}

    @staticmethod
    def cost(config: RunConfig, networks: Networks) -> Work:
        """Count two steps of the teacher, guided in the first round only, and one call of the student."""
        student, rounds = networks.student, own_settings(config, "sdtt").rounds
        calls = (teacher_calls(config) + rounds - 1) / rounds
        flops = {
            "student": student.forward + student.backward,
            "teacher": SUBSTEPS * calls * student.forward,
        }
        return Work(flops, (1 + 2 * SUBSTEPS) * networks.tokens, student.alive, student.kept)

    def state_dict(self) -> dict[str, Any]:
        return {"round": self.round} | ({"teacher": self.teacher.state_dict()} if self.round else {})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.round = int(state["round"])
        if self.round:
            self.teacher = copy.deepcopy(self.track.teacher)
            self.teacher.load_state_dict(state["teacher"])

    @torch.no_grad()
    def jump(self, tokens: Tensor, time: Tensor, step: float, condition: Condition) -> tuple[Tensor, Tensor]:
        """Take the teacher's two steps from tokens [b, L] at time [b]; return log q [b, L, K] and the tokens then.

        A masked token is revealed with chance (gamma(a) - gamma(b)) / gamma(a) in the step from a to b = a - step; one
        that never is has the law of the last step.
        """
        b, length = tokens.shape
        log_q = torch.zeros(b, length, self.track.n_codes, device=tokens.device)
        for _ in range(SUBSTEPS):
            later = (time - step).clamp_min(EARLIEST)
            now, then = (mask_share(at, self.own.schedule) for at in (time, later))
            law = self._law(tokens, condition)
            masked = tokens == self.track.n_codes
            log_q = torch.where(masked[..., None], law, log_q)
            uniforms = draw_uniform((b, length, 2), self.streams["refine"], self.device)
            revealed = masked & (uniforms[..., 0] < ((now - then) / now.clamp_min(EARLIEST))[:, None])
            tokens = torch.where(revealed, keyed_categorical(law, uniforms[..., 1].contiguous()), tokens)
            time = later
        return log_q, tokens

    def _law(self, tokens: Tensor, condition: Condition) -> Tensor:
        """Compute the teacher's log-law [b, L, K]; later teachers have the guidance of the first in them."""
        guidance = 0.0 if self.round else self.config.refine.guidance
        null = self.track.null_condition(len(tokens))
        return guided_logits(self.teacher, tokens, condition, null, guidance).log_softmax(-1)

    def _times(self, b: int) -> Tensor:
        """Draw times [b] ~ U(0, 1), spread over the whole batch: (u + i / B) mod 1."""
        total = b * parallel.ranks()
        spread = torch.rand(1, generator=self.streams["refine"]) + torch.arange(total) / total
        mine: Tensor = parallel.own_rows(spread % 1)
        return mine.clamp_min(EARLIEST).to(self.device)

    def _begin_round(self, student: nn.Module, now: int) -> None:
        """Make the student its next teacher where a round begins; optimizer and average go on."""
        if now != self.round:
            self.round = now
            self.teacher = copy.deepcopy(student).eval().requires_grad_(False)
