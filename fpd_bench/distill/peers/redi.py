"""ReDi (Yoo et al. 2025, arXiv:2507.15897): rectified discrete flow, couplings of start and sample learnt again.

Stages of one run, one after the other:
0  the teacher learns mixed noise: each token of real codes is noise with chance 1 - u, u ~ U(0, 1); cross-entropy to
   the codes, at all tokens.
k  pairs (x0, x1): x0 is z_init, x1 what the network of stage k - 1 makes of it in 16 steps. Each token of x1 is that of
   x0 with chance 1 - u; cross-entropy to x1, at all tokens. ReDi3-distill: every token is x0's, pairs with guidance 8.
No teacher is in memory, no auxiliary network, no average. From Ugness/ReDi_discrete@c8fb9b8 (Apache-2.0) and the
paper, in our own words; what is ours: docs/methods.md.

Letters: b samples of this rank, n pairs, L tokens.
"""

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fpd_bench.bench import Condition, Track
from fpd_bench.config.fields import own_settings
from fpd_bench.config.schema import RunConfig
from fpd_bench.distill import parallel
from fpd_bench.distill.drafting import draw_start
from fpd_bench.distill.method import Clock, micro_batches
from fpd_bench.distill.peers.pair_set import PairSet, draw_uniform, leave_out
from fpd_bench.distill.several_steps import sample_in_steps
from fpd_bench.distill.work import Networks, Work
from fpd_bench.models.streams import Streams, seed_of
from fpd_bench.registry import methods

STAGES = {"redi1": 1, "redi2": 2, "redi3_distill": 3}
DISTILL = 3  # the stage that starts from pure noise
AT_ONCE = 64  # pairs that are sampled together


def stage_of(progress: float, tuning: float, last: int) -> int:
    """Return the stage at progress in [0, 1): 0 for the first `tuning` of the run, then 1 to `last`, equally long."""
    if progress < tuning:
        return 0
    return min(last, 1 + int((progress - tuning) / (1 - tuning) * last + 1e-9))


@methods.register("redi")
class ReDi:
    """Cross-entropy on couplings; at the start of each stage the student makes its own next ones."""

    def __init__(self, config: RunConfig, track: Track, streams: Streams):
        self.config, self.track, self.streams = config, track, streams
        self.own = own_settings(config, "redi")
        self.device = track.tokenizer.codebook.device
        self.real = PairSet(track, self.own.pairs, seed_of("pairs", config.seed))
        self.stage = 0
        self.x0 = self.x1 = torch.empty(0, track.n_tokens, dtype=torch.int16)  # [n, L], of this stage
        self.texts: tuple[str, ...] = ()  # the pairs' conditions, in words: a caption's tensors are large

    def backward(self, student: nn.Module, condition: Condition, progress: float) -> dict[str, float]:
        """Add the cross-entropy's gradient; see Method. The conditions are those of the pairs."""
        clock = Clock()
        stage = stage_of(progress, self.own.tuning, STAGES[self.own.until])
        if stage != self.stage:
            with clock("pairs"):
                self._couple(student, stage)
        begin, target, given = self._draw(len(condition))
        tokens = self._mix(begin, target)
        dropped = draw_uniform((len(target),), self.streams["draft"], self.device) < self.own.drop
        given = leave_out(self.track, given, dropped)
        loss, everyone = 0.0, target.numel() * parallel.ranks()
        with clock("backward"):
            for rows in micro_batches(len(target), self.config.execution.micro_batch):
                logits = student(tokens[rows], given[rows]).flatten(0, 1)
                part = F.cross_entropy(
                    logits, target[rows].flatten(), label_smoothing=self.own.label_smoothing, reduction="sum"
                )
                (part / everyone).backward()
                loss += float(part.detach()) / target.numel()
        return {"loss": loss, "stage": float(self.stage)} | clock.seconds

    def after_step(self, student: nn.Module, condition: Condition) -> dict[str, float]:
        """Do nothing: there is no other network."""
        return {}

    @staticmethod
    def cost(config: RunConfig, networks: Networks) -> Work:
        """Count a call of the student, and its share of what makes the pairs, with and without the condition."""
        own, student = own_settings(config, "redi"), networks.student
        calls = STAGES[own.until] * own.pairs * own.rectify_steps * 2 / (config.optim.steps * config.optim.batch)
        flops = {"student": student.forward + student.backward, "pairs": calls * student.forward}
        return Work(flops, 3 * networks.tokens, student.alive, student.kept)

    def state_dict(self) -> dict[str, Any]:
        """Return the stage and its pairs: they cannot be made again once the student has moved on."""
        texts = torch.tensor(list("\n".join(self.texts).encode()), dtype=torch.uint8)  # no code, no objects
        return {"stage": self.stage, "x0": self.x0, "x1": self.x1, "texts": texts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.stage, self.x0, self.x1 = int(state["stage"]), state["x0"].cpu(), state["x1"].cpu()
        self.texts = tuple(bytes(state["texts"].tolist()).decode().split("\n")) if len(self.x0) else ()

    @torch.no_grad()
    def _couple(self, student: nn.Module, stage: int) -> None:
        """Make the pairs of a stage with the student as it is; every rank makes all of them, the same."""
        guidance = self.own.distill_guidance if stage == DISTILL else self.own.rectify_guidance
        draw = torch.Generator().manual_seed(seed_of("redi", self.config.seed, stage))
        start = replace(self.config.start, temperature=1.0)
        begins, ends, texts = [], [], list[str]()
        for first in range(0, self.own.pairs, AT_ONCE):
            n = min(AT_ONCE, self.own.pairs - first)
            condition = self.track.draw_conditions(n, draw)
            begin = draw_start(n, self.track, self.config.start, draw).tokens
            noise = [
                torch.Generator().manual_seed(seed_of("redi", self.config.seed, stage, first + i)) for i in range(n)
            ]
            steps = self.own.rectify_steps
            ends.append(sample_in_steps(self.track, student, condition, start, noise, steps, guidance, begin).cpu())
            begins.append(begin)
            texts += [text.replace("\n", " ") for text in condition.texts]
        self.stage, self.texts = stage, tuple(texts)
        self.x0, self.x1 = torch.cat(begins).to(torch.int16), torch.cat(ends).to(torch.int16)

    def _draw(self, b: int) -> tuple[Tensor, Tensor, Condition]:
        """Draw x0 and x1 [b, L] and their conditions: in stage 0 z_init and real codes, later coupled ones."""
        draw, total = self.streams["start"], b * parallel.ranks()
        if self.stage == 0:
            target, given = self.real.draw(b, draw)
            begin = parallel.own_rows(draw_start(total, self.track, self.config.start, draw).tokens)
            return begin.to(self.device), target, given
        rows = parallel.own_rows(torch.randint(len(self.x0), (total,), generator=draw))
        given = self.track.condition([self.texts[i] for i in rows.tolist()])
        return self.x0[rows].long().to(self.device), self.x1[rows].long().to(self.device), given

    def _mix(self, begin: Tensor, target: Tensor) -> Tensor:
        """Take each token [b, L] from x0 with chance 1 - u, u ~ U(0, 1) for each sample, else from x1."""
        if self.stage == DISTILL:
            return begin
        b, length = target.shape
        time = draw_uniform((b, 1), self.streams["refine"], self.device)
        return torch.where(draw_uniform((b, length), self.streams["refine"], self.device) < 1 - time, begin, target)
