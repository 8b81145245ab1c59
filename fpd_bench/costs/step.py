"""FLOPs, memory and noise of a training step, and of an image in evaluation, from what each network costs (parts.py).

Not counted is the drift itself, which takes time but next to no arithmetic. Letters: L tokens, K codes.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fpd_bench import registry
from fpd_bench.config.identity import TEACHER
from fpd_bench.config.schema import RunConfig
from fpd_bench.costs.meter import Share
from fpd_bench.costs.networks import Drawers, Judges, Lifter, drawers, judges_of, lifter_of, track_of
from fpd_bench.errors import ConfigError
from fpd_bench.runs.perform.suite_images import BATCH, DECODED

FLOAT = 4  # bytes
LOGIT_COPIES = 4  # [L, K] of an image: logits, probabilities and their gradients; of a sampler: its noise and sums
TRAINED, AVERAGED, FROZEN = 16, 4, 4  # bytes a parameter: value, gradient and Adam's two moments; EMA; value


@dataclass(frozen=True)
class Memory:
    """Bytes of a training. fixed: whatever the batch.

    Of every image of the batch: per_draft, all the time; at_once, while teacher, decoder or discriminator take all of
    them together. Of every image of a micro-batch: graph, kept for its gradient; judged, what L_gan adds to that.
    """

    fixed: float
    per_draft: float = 0
    at_once: float = 0
    graph: float = 0
    judged: float = 0

    def of(self, batch: int, micro: int) -> float:
        """At most. A whole batch's graph lies beside what is done at once; parts draft again when that is over."""
        graph, judged, together = micro * self.graph, micro * self.judged, batch * self.at_once
        most = graph + max(judged, together) if micro >= batch else max(graph + judged, together)
        return self.fixed + batch * self.per_draft + most


@dataclass(frozen=True)
class StepCost:
    """flops: {part: of a step}. noise: random numbers of a step, which the CPU draws one after the other.

    Of evaluation: sampling, bytes; shares, {network: its part in an image}.
    """

    flops: dict[str, float]
    training: Memory
    noise: float
    sampling: float
    shares: dict[str, Share]

    @property
    def total(self) -> float:
        """FLOPs of a step."""
        return sum(self.flops.values())

    @property
    def shown(self) -> float:
        """FLOPs of an image in evaluation."""
        return sum(share.flops for share in self.shares.values())


@dataclass(frozen=True)
class Parts:
    """All networks of a run."""

    drawers: Drawers
    lifter: Lifter
    judges: Judges


@dataclass(frozen=True)
class Work:
    """What a method does for an image. flops: by part; noise: numbers; the others as in Memory."""

    flops: dict[str, float]
    noise: int
    at_once: float
    graph: float
    judged: float = 0


def step_cost(config: RunConfig, weights: Path | None) -> StepCost:
    """The step of a run, and an image of its evaluation. Raises ConfigError for a method that is not known here."""
    if config.method not in (TEACHER, *METHODS):
        raise ConfigError(f"what method '{config.method}' computes is not known here")
    track = track_of(config, weights)
    parts = Parts(drawers(track), lifter_of(config, track), judges_of(config, track))
    drawn, judges, batch = parts.drawers, parts.judges, config.optim.batch
    resident = FROZEN * (drawn.parameters + drawn.resident)
    if config.method == TEACHER:
        calls = 2 * config.evaluation.teacher_steps  # with and without the condition, both as one batch
        sampling = resident + _sampling(drawn, 2 * BATCH)
        return StepCost({}, Memory(resident), 0, sampling, _shares("teacher", calls, drawn))
    work = METHODS[config.method](config, parts)
    flops = {part: count * batch for part, count in work.flops.items()}
    flops["text"] = drawn.text.forward * batch / config.drift.samples_per_condition
    resident += FROZEN * parts.lifter.parameters
    trained = 2 if config.method == "dimo" else 1
    fixed = resident + FROZEN * judges.frozen + TRAINED * judges.heads
    fixed += (TRAINED * trained + AVERAGED) * drawn.parameters
    return StepCost(
        {part: count for part, count in flops.items() if count},
        Memory(fixed, LOGIT_COPIES * FLOAT * drawn.logits, work.at_once, work.graph, work.judged),
        work.noise * batch,
        resident + FROZEN * drawn.parameters + _sampling(drawn, BATCH),
        _shares("student", 1, drawn),
    )


@lru_cache(maxsize=32)
def items(name: str, preset: str, split: str) -> int:
    """How many items a track's suite has. Raises AssetError without the track's files."""
    return len(registry.tracks.get(name)(preset).suite(split).items)


def _shares(drawer: str, calls: int, drawn: Drawers) -> dict[str, Share]:
    """runs/perform/suite_images.py, which always computes in float32."""
    forward, decoding = drawn.network.forward, drawn.decoder.forward
    return {drawer: Share(calls, calls * forward, "fp32"), "decoder": Share(1, decoding, "fp32")}


def _sampling(drawn: Drawers, rows: int) -> float:
    """Count the bytes alive in a call of so many rows, while codes are drawn from it, or decoded (suite_images.py)."""
    codes = rows * max(drawn.network.alive, LOGIT_COPIES * FLOAT * drawn.logits)
    return max(codes, DECODED * drawn.decoder.alive)


def _fpd(config: RunConfig, parts: Parts) -> Work:
    """distill/fpd.py: draft (twice with micro-batches), repair, decode and lift both, judge."""
    drafts, start, judges = _drafts(config), config.start, parts.judges
    student, decoder, backbone = parts.drawers.network, parts.drawers.decoder, parts.lifter.backbone
    judged = 2 * (judges.trained.forward + judges.trained.backward)  # real and drafted
    flops = {
        "student": drafts * student.forward + student.backward,
        "teacher": _queries(config) * student.forward,
        "decoder": (drafts + 1) * decoder.forward + decoder.backward,
        "backbone": (drafts + 1) * backbone.forward + backbone.backward,
        "discriminator": config.gan.updates * judged + judges.critic.forward + judges.critic.backward,
    }
    return Work(
        flops,
        _numbers(start.sampling, parts) + _numbers(_repairing(config), parts),
        max(student.alive, decoder.alive, backbone.alive, 2 * judges.trained.kept),
        student.kept + decoder.kept + backbone.kept,
        judges.critic.kept,
    )


def _dimo(config: RunConfig, parts: Parts) -> Work:
    """distill/peers/dimo.py: nothing is decoded; the auxiliary network looks once and is trained once."""
    student = parts.drawers.network
    flops = {
        "student": (_drafts(config) + 1) * student.forward + student.backward,
        "teacher": _queries(config) * student.forward,
        "auxiliary": 2 * student.forward + student.backward,
    }
    drafting = "argmax" if config.start.sampling == "argmax" else config.refine.sampling
    noise = 2 * _numbers(drafting, parts) + _numbers(_repairing(config), parts)
    return Work(flops, noise, student.alive, student.kept)


METHODS = {"fpd": _fpd, "dimo": _dimo}


def _drafts(config: RunConfig) -> int:
    """How often a step drafts for its gradient: once more where that is accumulated over micro-batches."""
    micro = config.execution.micro_batch
    return 2 if micro and micro < config.optim.batch // config.execution.processes else 1


def _queries(config: RunConfig) -> int:
    return 2 if config.refine.guidance else 1


def _repairing(config: RunConfig) -> str:
    """How the teacher's codes are drawn."""
    return config.refine.sampling if config.refine.temperature else "argmax"


def _numbers(sampling: str, parts: Parts) -> int:
    """What it takes to draw an image's codes."""
    return {"gumbel": parts.drawers.logits, "categorical": parts.drawers.tokens, "argmax": 0}[sampling]
