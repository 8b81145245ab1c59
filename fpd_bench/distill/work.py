"""What a step of a method computes, counted from what each network of the run costs: `Method.cost` gives a Work.

Letters: L tokens, K codes.
"""

from dataclasses import dataclass

from fpd_bench.config.schema import RunConfig


@dataclass(frozen=True)
class Cost:
    """Of one network and one image: FLOPs forward and backward, bytes kept between the two; without a gradient, bytes
    alive at the same time, at most."""

    forward: float = 0
    backward: float = 0
    kept: float = 0
    alive: float = 0


@dataclass(frozen=True)
class Networks:
    """Costs of a run's networks; zero for one that it does not have.

    student: also teacher and auxiliary, which have its shape. judge: the discriminator when it is trained on an image;
    critic: when it judges a draft, with the gradient back to it.
    """

    student: Cost
    decoder: Cost
    backbone: Cost
    judge: Cost
    critic: Cost
    tokens: int
    codes: int

    def numbers(self, sampling: str) -> int:
        """Count the random numbers that it takes to draw an image's codes."""
        return {"gumbel": self.tokens * self.codes, "categorical": self.tokens, "argmax": 0}[sampling]


@dataclass(frozen=True)
class Work:
    """What a method does for an image in a step.

    flops: by part; noise: random numbers. Bytes: at_once, alive while teacher, decoder or discriminator take the whole
    batch together; graph, kept for the gradient.
    """

    flops: dict[str, float]
    noise: int
    at_once: float
    graph: float


def draft_calls(config: RunConfig) -> int:
    """Return how often a step drafts for its gradient: once more where that is accumulated over micro-batches."""
    micro = config.execution.micro_batch
    return 2 if micro and micro < config.optim.batch // config.execution.processes else 1


def teacher_calls(config: RunConfig) -> int:
    """Return how often a repair asks the teacher: with guidance, without the condition as well."""
    return 2 if config.refine.guidance else 1


def repair_sampling(config: RunConfig) -> str:
    """Return how the teacher's codes are drawn."""
    return config.refine.sampling if config.refine.temperature else "argmax"
