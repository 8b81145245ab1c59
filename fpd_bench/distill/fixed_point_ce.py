"""Cross-entropy to the draft's own repair: Eq. 3 sample by sample, without a feature space. Registry `fixed_point_ce`.

No loss of the paper: the yardstick of what teacher, repair and z_init allow. Its gradient at the tokens is exact and
passes neither decoder nor Phi, so what FPD lacks beside it is lost on that way. It needs chance to come from z_init
(start.sampling=argmax, start.codes=unigram): sampled drafts end in mosaics, uniform codes in one picture a prompt.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from fpd_bench.bench import Condition, Track
from fpd_bench.config.schema import RunConfig
from fpd_bench.distill import parallel
from fpd_bench.distill.drafting import Start, draft_codes, draft_logits, draw_noise, draw_start
from fpd_bench.distill.method import Clock, draft_statistics, drafts_differ, micro_batches
from fpd_bench.distill.refinement import refine
from fpd_bench.distill.work import Networks, Work, draft_calls, repair_sampling, teacher_calls
from fpd_bench.models.streams import Streams
from fpd_bench.registry import methods


@methods.register("fixed_point_ce")
class FixedPointCrossEntropy:
    """Draft, repair, and learn the repair's codes at all positions; nothing but the student is trained."""

    def __init__(self, config: RunConfig, track: Track, streams: Streams):
        self.config, self.track, self.streams = config, track, streams

    def backward(self, student: nn.Module, condition: Condition, progress: float) -> dict[str, float]:
        """Add one step's gradient; see Method. A micro_batch below the batch drafts twice, in less memory."""
        clock, total = Clock(), len(condition) * parallel.ranks()
        chunks = micro_batches(len(condition), self.config.execution.micro_batch)
        device, asked = self.track.tokenizer.codebook.device, self.config.start
        start: Start = parallel.own_rows(draw_start(total, self.track, asked, self.streams["start"])).to(device)
        noise = parallel.own_rows(draw_noise(total, self.track, asked, self.streams["draft"])).to(device)
        with clock("draft"), torch.set_grad_enabled(len(chunks) == 1):
            drafts = [draft_logits(student, start[rows], condition[rows], asked) for rows in chunks]
        logits = torch.cat([part.detach() for part in drafts])
        codes = draft_codes(logits, noise, asked)
        with clock("refine"):
            repaired = refine(self.track, codes, condition, self.config.refine, self.streams["refine"])
        loss = 0.0
        with clock("backward"):
            for rows, part in zip(chunks, drafts, strict=True):
                again = part if len(chunks) == 1 else draft_logits(student, start[rows], condition[rows], asked)
                missed = _cross_entropy(again, repaired.codes[rows]) / (total * self.track.n_tokens)
                missed.backward()
                loss += float(missed.detach()) * parallel.ranks()
        stats = draft_statistics(logits, codes, repaired.codes, repaired.hidden) | clock.seconds
        return stats | drafts_differ(self.track, codes, self.config.optim) | {"loss": loss}

    def after_step(self, student: nn.Module, condition: Condition) -> dict[str, float]:
        """Do nothing: it has no network of its own."""
        return {}

    @staticmethod
    def cost(config: RunConfig, networks: Networks) -> Work:
        """Count draft (twice with micro-batches) and repair; nothing is decoded."""
        student = networks.student
        flops = {
            "student": draft_calls(config) * student.forward + student.backward,
            "teacher": teacher_calls(config) * student.forward,
        }
        noise = networks.numbers(config.start.sampling) + networks.numbers(repair_sampling(config))
        return Work(flops, noise, student.alive, student.kept)

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take nothing: it has no state."""


def _cross_entropy(logits: Tensor, codes: Tensor) -> Tensor:
    """Sum the cross-entropy of codes [B, L] under logits [B, L, K] over tokens."""
    return functional.cross_entropy(logits.flatten(0, 1), codes.flatten(), reduction="sum")
