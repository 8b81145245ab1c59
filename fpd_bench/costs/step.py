"""FLOPs, memory and noise of a training step and of an image in evaluation, from what each network costs.

Not counted is the drift itself, which takes time but next to no arithmetic. Letters: L tokens, K codes.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fpd_bench import registry
from fpd_bench.config.identity import trains
from fpd_bench.config.schema import RunConfig
from fpd_bench.costs.meter import Share
from fpd_bench.costs.network_cost import DrawingCosts, backbone_cost, discriminator_costs, measure_drawing, track_of
from fpd_bench.distill.work import Networks
from fpd_bench.errors import ConfigError
from fpd_bench.runs.perform.suite_images import BATCH, DECODED

FLOAT = 4  # bytes
LOGIT_COPIES = 4  # [L, K] of an image: logits, probabilities and their gradients; of a sampler: its noise and sums
TRAINED, AVERAGED, FROZEN = 16, 4, 4  # bytes a parameter: value, gradient and Adam's two moments; EMA; value


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes of a training. fixed: whatever the batch.

    Of every image of the batch: per_draft, all the time; at_once, while teacher, decoder or discriminator take all of
    them together. Of every image of a micro-batch: graph, kept for its gradient.
    """

    fixed: float
    per_draft: float = 0
    at_once: float = 0
    graph: float = 0

    def bytes_for(self, batch: int, micro: int) -> float:
        """Return the most bytes alive at once. A whole batch's graph lies beside what is done at once; parts draft
        again when that is over.
        """
        graph, together = micro * self.graph, batch * self.at_once
        most = graph + together if micro >= batch else max(graph, together)
        return self.fixed + batch * self.per_draft + most


@dataclass(frozen=True)
class StepCost:
    """flops: {part: of a step}. noise: random numbers of a step, which the CPU draws one after the other.

    Of evaluation: sampling, bytes; shares, {network: its part in an image}. parameters: that the run trains.
    """

    flops: dict[str, float]
    training: TrainingMemory
    noise: float
    sampling: float
    shares: dict[str, Share]
    parameters: int = 0

    @property
    def total(self) -> float:
        """Return the FLOPs of a step."""
        return sum(self.flops.values())

    @property
    def image_flops(self) -> float:
        """Return the FLOPs of an image in evaluation."""
        return sum(share.flops for share in self.shares.values())


def step_cost(config: RunConfig, weights: Path | None) -> StepCost:
    """Count the cost of a step of the run, and of an image of its evaluation. Raises ConfigError for a method
    without `cost`.
    """
    track = track_of(config, weights)
    drawn, lifter, judges = measure_drawing(track), backbone_cost(config, track), discriminator_costs(config, track)
    resident, batch = FROZEN * (drawn.parameters + drawn.resident), config.optim.batch
    if not trains(config):
        calls = 2 * config.evaluation.teacher_steps  # with and without the condition, both as one batch
        sampling = resident + _sampling_bytes(drawn, 2 * BATCH)
        return StepCost({}, TrainingMemory(resident), 0, sampling, _shares("teacher", calls, drawn))
    networks = Networks(
        drawn.network, drawn.decoder, lifter.backbone, judges.trained, judges.critic, drawn.tokens, drawn.codes
    )
    method = registry.methods.get(config.method)
    if not hasattr(method, "cost"):
        raise ConfigError(f"the cost of method '{config.method}' is unknown: its class has no cost(config, networks)")
    work = method.cost(config, networks)
    flops = {part: count * batch for part, count in work.flops.items()}
    flops["text"] = drawn.text.forward * batch / config.optim.samples_per_condition
    resident += FROZEN * lifter.parameters
    trained = 2 if registry.methods.declaration(config.method).auxiliary else 1
    parameters = trained * drawn.parameters + judges.heads
    fixed = resident + FROZEN * judges.frozen + TRAINED * judges.heads
    fixed += (TRAINED * trained + AVERAGED) * drawn.parameters
    return StepCost(
        {part: count for part, count in flops.items() if count},
        TrainingMemory(fixed, LOGIT_COPIES * FLOAT * drawn.logits, work.at_once, work.graph),
        work.noise * batch,
        resident + FROZEN * drawn.parameters + _sampling_bytes(drawn, BATCH),
        _shares("student", config.evaluation.student_steps * (2 if config.evaluation.student_guidance else 1), drawn),
        parameters,
    )


@lru_cache(maxsize=32)
def count_items(name: str, preset: str, split: str) -> int:
    """Return how many items a track's suite has. Raises AssetError without the track's files."""
    return len(registry.tracks.get(name)(preset).suite(split).items)


def _shares(drawer: str, calls: int, drawn: DrawingCosts) -> dict[str, Share]:
    """Return the networks' parts in an image of the evaluation, which always computes in float32 (suite_images.py)."""
    forward, decoding = drawn.network.forward, drawn.decoder.forward
    return {drawer: Share(calls, calls * forward, "fp32"), "decoder": Share(1, decoding, "fp32")}


def _sampling_bytes(drawn: DrawingCosts, rows: int) -> float:
    """Count the bytes alive in a call of so many rows, while codes are drawn from it, or decoded (suite_images.py)."""
    codes = rows * max(drawn.network.alive, LOGIT_COPIES * FLOAT * drawn.logits)
    return max(codes, DECODED * drawn.decoder.alive)
