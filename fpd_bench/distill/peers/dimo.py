"""Di[M]O (Zhu et al. 2025, arXiv:2503.15457): one-step distillation by matching token distributions.

The student's draft is re-masked; where it is hidden, the student's logits move by the difference between an auxiliary
network, which learns the student's own law, and the frozen teacher. Gradients are exact at the token level and never
pass a decoder. Our own implementation, from the description; `dimo.preset=official` is its published setting.

As published: the difference is put on the student's bare logits, whatever temperature drafts are drawn at; the
auxiliary's cross-entropy is smoothed as the teacher's was in its training (.1 for MaskGIT and MaskGen), or equal laws
would not give equal networks; its learning rate is constant after the warm-up.
Otherwise than published: laws are over the K codes, without MaskGIT's logit of the mask id, which is never a target:
it holds what smoothing leaves to it, .1 / (K + 1), 1e-4 of a law, and a draft that samples it would need a code in its
place all the same. All networks stay in eval(), without the dropout that the published training leaves on in them
(its eval() is commented out): with it a step would depend on how the batch is cut.
"""

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fpd_bench.bench import Track
from fpd_bench.config.schema import RunConfig
from fpd_bench.distill import parallel
from fpd_bench.distill.drafting import Start, draft_logits, draw_start
from fpd_bench.distill.method import Clock, draft_statistics, drafts_differ, micro_batches
from fpd_bench.distill.refinement import draw_codes, refine
from fpd_bench.distill.work import Networks, Work, draft_calls, repair_sampling, teacher_calls
from fpd_bench.errors import ConfigError
from fpd_bench.models.condition import Condition
from fpd_bench.models.masking import draw_damage, draw_ratios
from fpd_bench.models.sampling import truncate
from fpd_bench.models.streams import Streams
from fpd_bench.registry import methods

AS_THE_TEACHER = -1.0  # dimo.label_smoothing: what the track says of its teacher


def token_gradient(auxiliary: Tensor, teacher: Tensor, beta: float) -> Tensor:
    """Compute d divergence / d logits [B, L, K] from auxiliary and teacher logits: the generalised Jeffreys divergence.

    (1 - beta) FKL + beta RKL with FKL: p_aux - p_teacher; RKL: p_aux (log p_aux - log p_teacher - KL).
    """
    log_a, log_t = auxiliary.log_softmax(-1), teacher.log_softmax(-1)
    p = log_a.exp()
    forward = p - log_t.exp()
    if beta == 0:
        return forward
    gap = log_a - log_t
    return (1 - beta) * forward + beta * p * (gap - (p * gap).sum(-1, keepdim=True))


@methods.register("dimo")
class DiMO:
    """Student against auxiliary and teacher; the auxiliary is trained in turn on fresh drafts."""

    def __init__(self, config: RunConfig, track: Track, streams: Streams):
        self.config, self.track, self.streams = config, track, streams
        given = config.dimo.label_smoothing
        self.smoothing = getattr(track, "label_smoothing", 0.0) if given == AS_THE_TEACHER else given
        self.network = copy.deepcopy(track.teacher).requires_grad_(True)
        self._fix_embeddings(self.network)
        first, second = config.optim.betas
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=config.dimo.aux_lr, betas=(first, second), weight_decay=0.0
        )

    def backward(self, student: nn.Module, condition: Condition, progress: float) -> dict[str, float]:
        """Add the generator's gradient; see Method. A micro_batch below the batch drafts twice, as in FPD."""
        self._fix_embeddings(student)
        self._set_learning_rate(progress)
        clock, start = Clock(), self._start(len(condition))
        chunks = micro_batches(len(condition), self.config.execution.micro_batch)
        with clock("draft"), torch.set_grad_enabled(len(chunks) == 1):
            drafts = [self._draft(student, start[rows], condition[rows]) for rows in chunks]
        logits = torch.cat([part.detach() for part in drafts])
        codes = self._codes(logits, "draft")
        with clock("refine"):
            repaired = refine(self.track, codes, condition, self.config.refine, self.streams["refine"])
        with clock("auxiliary"), torch.no_grad():
            own = self.network(codes.masked_fill(repaired.hidden, self.track.n_codes), condition)
            gradient = token_gradient(own, repaired.logits, self.config.dimo.jeffreys_beta)
            gradient = gradient * repaired.hidden[..., None] / (len(condition) * parallel.ranks())
        with clock("discriminator"):
            gradient = self.with_more(gradient, logits, condition)
        with clock("backward"):
            for rows, part in zip(chunks, drafts, strict=True):
                again = part if len(chunks) == 1 else self._draft(student, start[rows], condition[rows])
                again.backward(gradient[rows] * self.config.start.temperature)  # `again` is over the temperature
        stats = draft_statistics(logits, codes, repaired.codes, repaired.hidden)
        stats |= drafts_differ(self.track, codes, self.config.optim)
        return stats | clock.seconds | {"loss": float(gradient.abs().sum()) * parallel.ranks()}

    def with_more(self, gradient: Tensor, logits: Tensor, condition: Condition) -> Tensor:
        """Return the gradient [b, L, K] on the bare logits with what a variant of the method adds to it: nothing.

        logits: those of the draft, over the temperature.
        """
        return gradient

    def after_step(self, student: nn.Module, condition: Condition) -> dict[str, float]:
        """Train the auxiliary network for one step: masked prediction of fresh drafts (cross-entropy on hidden
        positions).
        """
        clock = Clock()
        with clock("auxiliary"):
            with torch.no_grad():
                logits = self._draft(student, self._start(len(condition)), condition)
                codes = self._codes(logits, "auxiliary")
                refine, total = self.config.refine, len(codes) * parallel.ranks()
                ratios = draw_ratios(total, refine.ratio, refine.low, refine.high, self.streams["auxiliary"])
                hidden = draw_damage(ratios, self.track.n_tokens, self.streams["auxiliary"])
                hidden = parallel.own_rows(hidden).to(codes.device)
            self.optimizer.zero_grad(set_to_none=True)
            loss, everyone = 0.0, parallel.total(int(hidden.sum()))  # hidden tokens of the whole batch
            for rows in micro_batches(len(condition), self.config.execution.micro_batch):
                gone, true = hidden[rows], codes[rows]
                predicted = self.network(true.masked_fill(gone, self.track.n_codes), condition[rows])
                part = F.cross_entropy(predicted[gone], true[gone], label_smoothing=self.smoothing)
                (part * (int(gone.sum()) / everyone)).backward()
                loss += float(part.detach()) * int(gone.sum()) / int(hidden.sum())
            parallel.sum_gradients(self.network.parameters())
            self.optimizer.step()
        return {"auxiliary_loss": loss} | clock.seconds

    @staticmethod
    def cost(config: RunConfig, networks: Networks) -> Work:
        """Count a draft more than FPD's, and the auxiliary network: it is called once and trained once."""
        student = networks.student
        flops = {
            "student": (draft_calls(config) + 1) * student.forward + student.backward,
            "teacher": teacher_calls(config) * student.forward,
            "auxiliary": 2 * student.forward + student.backward,
        }
        drafting = "argmax" if config.start.sampling == "argmax" else config.refine.sampling
        noise = 2 * networks.numbers(drafting) + networks.numbers(repair_sampling(config))
        return Work(flops, noise, student.alive, student.kept)

    def state_dict(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _fix_embeddings(self, network: nn.Module) -> None:
        """Turn the gradient of the embeddings off, so that they stay as they are, if dimo.fixed_embeddings asks for it.

        Raises ConfigError for networks without `embeddings()`.
        """
        if not self.config.dimo.fixed_embeddings:
            return
        embeddings = getattr(network, "embeddings", None)
        if embeddings is None:
            raise ConfigError(
                f"dimo.fixed_embeddings=true: the networks of track '{self.track.name}' have no `embeddings()` "
                "that lists their parameters. Use dimo.fixed_embeddings=false."
            )
        for parameter in embeddings():
            parameter.requires_grad_(False)

    def _set_learning_rate(self, progress: float) -> None:
        """Set the auxiliary's learning rate for this step: the student's warm-up, then constant."""
        optim = self.config.optim
        warm = min(1.0, (round(progress * optim.steps) + 1) / optim.warmup) if optim.warmup else 1.0
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.dimo.aux_lr * warm

    def _draft(self, student: nn.Module, start: Start, condition: Condition) -> Tensor:
        return draft_logits(student, start, condition, self.config.start)

    def _codes(self, logits: Tensor, stream: str) -> Tensor:
        """Draw codes [B, L]; how a categorical draw is made is up to refine.sampling here."""
        start, sampling = self.config.start, self.config.refine.sampling
        kept = truncate(logits, start.top_k, start.top_p)
        return draw_codes(kept, self.streams[stream], float(start.sampling != "argmax"), sampling)

    def _start(self, n: int) -> Start:
        start = draw_start(n * parallel.ranks(), self.track, self.config.start, self.streams["start"])
        mine: Start = parallel.own_rows(start)
        return mine.to(self.track.tokenizer.codebook.device)
