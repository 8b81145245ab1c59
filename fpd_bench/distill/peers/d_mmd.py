"""D-MMD (Hoogeboom et al. 2026, arXiv:2603.20155) and IDLM (arXiv:2602.19066): moment matching for masked diffusion.

The student's draft x ~ p is masked in part to z_s, and p moves by what an auxiliary network, which learns the
student's law, says otherwise than the teacher at z_s:
    L_gen = sum over masked l of w(s) sum_c p_lc [log phi(z_s)_lc - log theta_T(z_s)_lc]    (p alone has a gradient)
    L_aux = sum over masked l of -sum_c (x_lc + theta_T(z_s)_lc) log phi(z_s)_lc            (IDLM: without theta_T)
Our own implementation, from descriptions: D-MMD has no public code, IDLM's was read. Of image models, only a
class-free one of CIFAR-10 in 4 to 1024 steps is published. What is ours, where the sources are silent: docs/methods.md.

Letters: b samples of this rank, L tokens, K codes (mask id = K).
"""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fpd_bench.bench import Condition, Track
from fpd_bench.config.fields import own_settings
from fpd_bench.config.schema import RunConfig
from fpd_bench.distill import parallel
from fpd_bench.distill.drafting import Start, draft_codes, draft_logits, draw_noise, draw_start
from fpd_bench.distill.method import Clock, draft_statistics, micro_batches
from fpd_bench.distill.peers.pair_set import PairSet, draw_uniform, mask_share
from fpd_bench.distill.refinement import guided_logits
from fpd_bench.distill.work import Networks, Work, draft_calls, teacher_calls
from fpd_bench.models.sampling import truncate
from fpd_bench.models.streams import Streams, seed_of
from fpd_bench.registry import methods

EXCLUDED = 8.0  # taken from the teacher's logits outside top_p; at minus infinity the log-ratio would explode


def generator_gradient(logits: Tensor, ratio: Tensor) -> Tensor:
    """Compute d (sum_c p_c g_c) / d logits [b, L, K] = p (g - sum_c p_c g_c), p = softmax(logits), g = ratio."""
    p = logits.softmax(-1)
    return p * (ratio - (p * ratio).sum(-1, keepdim=True))


@dataclass(frozen=True)
class Question:
    """What the student is asked: its input at time high [b]; open [b, L], the positions that it fills; known codes
    [b, L] at the others. low [b]: the time to which its draft is masked again.
    """

    start: Start
    open: Tensor
    known: Tensor
    low: Tensor
    high: Tensor
    condition: Condition


@methods.register("d_mmd")
class DMMD:
    """Student against auxiliary and teacher, in turn with the auxiliary."""

    def __init__(self, config: RunConfig, track: Track, streams: Streams):
        self.config, self.track, self.streams = config, track, streams
        self.own = own_settings(config, "d_mmd")
        self.device = track.tokenizer.codebook.device
        self.network = copy.deepcopy(track.teacher).requires_grad_(True)
        first, second = config.optim.betas
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=self.own.aux_lr, betas=(first, second), weight_decay=0.0
        )
        self.smoothing = getattr(track, "label_smoothing", 0.0)  # of the teacher's training, so that both can agree
        self.led = False  # whether the auxiliary network had its lead
        self.pairs = None
        if self.own.steps > 1:
            self.pairs = PairSet(track, self.own.pairs, seed_of("pairs", config.seed))

    def backward(self, student: nn.Module, condition: Condition, progress: float) -> dict[str, float]:
        """Add the generator's gradient; see Method. A micro_batch below the batch drafts twice, as in FPD."""
        clock = Clock()
        with clock("auxiliary"):
            for _ in range(0 if self.led else self.own.lead):  # equal networks would give no gradient
                self._train_auxiliary(student, condition)
            self.led = True
        asked = self._ask(condition, "start")
        chunks = micro_batches(len(asked.known), self.config.execution.micro_batch)
        with clock("draft"), torch.set_grad_enabled(len(chunks) == 1):
            drafts = [self._draft(student, asked, rows) for rows in chunks]
        logits = torch.cat([part.detach() for part in drafts])
        codes = self._codes(logits, asked, "draft")
        hidden, weight = self._hide(asked, "refine")
        tokens = codes.masked_fill(hidden, self.track.n_codes)
        with clock("refine"):
            teacher = self._teacher(tokens, asked.condition)
        with clock("auxiliary"), torch.no_grad():
            ratio = (self.network(tokens, asked.condition).log_softmax(-1) - teacher).clamp(
                -self.own.clip, self.own.clip
            )
            moved = (hidden & asked.open)[..., None]
            gradient = generator_gradient(logits, ratio) * weight * moved / (len(codes) * parallel.ranks())
        with clock("backward"):
            for rows, part in zip(chunks, drafts, strict=True):
                again = part if len(chunks) == 1 else self._draft(student, asked, rows)
                again.backward(gradient[rows])
        somewhere = hidden | ~hidden.any()
        stats = draft_statistics(logits, codes, teacher.argmax(-1), somewhere)
        stats["log_ratio_rms"] = float(ratio[somewhere].square().mean().sqrt())
        return stats | clock.seconds | {"loss": float(gradient.abs().sum()) * parallel.ranks()}

    def after_step(self, student: nn.Module, condition: Condition) -> dict[str, float]:
        """Train the auxiliary network, on fresh drafts."""
        clock, loss = Clock(), 0.0
        with clock("auxiliary"):
            for _ in range(self.own.aux_updates):
                loss = self._train_auxiliary(student, condition)
        return {"auxiliary_loss": loss} | clock.seconds

    @staticmethod
    def cost(config: RunConfig, networks: Networks) -> Work:
        """Count a draft for the student, and for each update of the auxiliary one more, and the teacher's tether."""
        student, own = networks.student, own_settings(config, "d_mmd")
        asked = 1 + (0 if own.idlm else own.aux_updates)
        flops = {
            "student": (draft_calls(config) + own.aux_updates) * student.forward + student.backward,
            "teacher": teacher_calls(config) * asked * student.forward,
            "auxiliary": (1 + own.aux_updates) * student.forward + own.aux_updates * student.backward,
        }
        noise = (1 + own.aux_updates) * (networks.numbers(config.start.sampling) + networks.tokens)
        return Work(flops, noise, student.alive, student.kept)

    def state_dict(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(), "led": self.led}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.led = bool(state["led"])

    def _train_auxiliary(self, student: nn.Module, condition: Condition) -> float:
        """Take one step of the auxiliary network on fresh drafts; return its loss, a mean over masked tokens."""
        asked = self._ask(condition, "auxiliary")
        with torch.no_grad():
            all_rows = slice(0, len(asked.known))
            codes = self._codes(self._draft(student, asked, all_rows), asked, "auxiliary")
            hidden, weight = self._hide(asked, "auxiliary")
        everyone, loss = max(1, parallel.total(int(hidden.sum()))), 0.0
        self.optimizer.zero_grad(set_to_none=True)
        for rows in micro_batches(len(codes), self.config.execution.micro_batch):
            gone, true = hidden[rows], codes[rows]
            tokens = true.masked_fill(gone, self.track.n_codes)
            log_p = self.network(tokens, asked.condition[rows]).log_softmax(-1)
            each = -log_p.gather(-1, true[..., None]).squeeze(-1)
            if self.smoothing:
                each = (1 - self.smoothing) * each - self.smoothing * log_p.mean(-1)
            if not self.own.idlm:
                each = each - (self._teacher(tokens, asked.condition[rows]).exp() * log_p).sum(-1)
            part = (each * weight[rows, :, 0] * gone).sum() / everyone
            part.backward()
            loss += float(part.detach())
        parallel.sum_gradients(self.network.parameters())
        self.optimizer.step()
        return loss * parallel.ranks()

    def _ask(self, condition: Condition, stream: str) -> Question:
        """Draw what the student is asked: z_init at t = 1, or, to learn k steps, pairs of the track that are masked to
        t = min(1, s + d), s ~ U(0, 1), d ~ U(0, 1 / k).
        """
        b, generator = len(condition), self.streams[stream]
        drawn = draw_start(b * parallel.ranks(), self.track, self.config.start, generator)
        start = parallel.own_rows(drawn).to(self.device)
        low, gap = draw_uniform((b, 2), generator, self.device).unbind(1)
        if self.pairs is None:
            everywhere = torch.ones_like(start.tokens, dtype=torch.bool)
            return Question(start, everywhere, torch.zeros_like(start.tokens), low, torch.ones_like(low), condition)
        known, condition = self.pairs.draw(b, generator)
        high = (low + gap / self.own.steps).clamp(max=1)
        opened = draw_uniform(tuple(known.shape), generator, self.device) < mask_share(high)[:, None]
        tokens = torch.where(opened, start.tokens, known)
        return Question(Start(tokens, start.perturbation), opened, known, low, high, condition)

    def _hide(self, asked: Question, stream: str) -> tuple[Tensor, Tensor]:
        """Mask the draft to z_s: hidden [b, L] and w(s) [b, 1, 1].

        Posterior: of the open positions a share gamma(s) / gamma(t) stays masked, the others are revealed; w = 1.
        IDLM: all positions anew, a share m ~ U(0, 1) of them, w = 1 / m, which is the ELBO's weight.
        """
        b, length = asked.known.shape
        noise = draw_uniform((b, length), self.streams[stream], self.device)
        if self.own.idlm:
            share = draw_uniform((b, 1), self.streams[stream], self.device).clamp_min(1e-3)
            return noise < share, (1 / share)[..., None]
        share = mask_share(asked.low) / mask_share(asked.high).clamp_min(1e-6)
        return asked.open & (noise < share[:, None]), torch.ones(b, 1, 1, device=self.device)

    def _draft(self, student: nn.Module, asked: Question, rows: slice) -> Tensor:
        return draft_logits(student, asked.start[rows], asked.condition[rows], self.config.start)

    def _codes(self, logits: Tensor, asked: Question, stream: str) -> Tensor:
        """Draw x ~ p [b, L]; what is known stays."""
        noise = draw_noise(len(logits) * parallel.ranks(), self.track, self.config.start, self.streams[stream])
        drawn = draft_codes(logits, parallel.own_rows(noise).to(self.device), self.config.start)
        return torch.where(asked.open, drawn, asked.known)

    def _teacher(self, tokens: Tensor, condition: Condition) -> Tensor:
        """Compute log theta_T [b, L, K]: the guided teacher at its temperature and top-p."""
        null = self.track.null_condition(len(tokens))
        with torch.inference_mode():
            logits = guided_logits(self.track.teacher, tokens, condition, null, self.config.refine.guidance)
            logits = logits / self.own.teacher_temperature
            if self.own.teacher_top_p < 1:
                kept = truncate(logits, 0, self.own.teacher_top_p) > torch.finfo(logits.dtype).min
                logits = torch.where(kept, logits, logits - EXCLUDED)
            found = logits.log_softmax(-1)
        return found.clone()  # an ordinary tensor: the auxiliary's loss is made with it
