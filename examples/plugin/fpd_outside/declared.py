"""What is known of these plugins before their code is imported; needs no torch."""

from dataclasses import dataclass

from fpd_bench.config.knobs import POSITIVE, knob
from fpd_bench.declarations import Declaration, MethodDeclaration, TrackDeclaration, TrackSizes
from fpd_bench.metrics import Metric


@dataclass
class SharpSettings:
    temperature: float = knob(0.5, "of the mixture that carries the gradient", within=POSITIVE)


@dataclass
class ImitateSettings:
    weight: float = knob(1.0, "of the loss", within=POSITIVE)
    target: str = knob("soft", "the teacher's probabilities, or its codes", choices=("soft", "hard"))


SHARP = Declaration("fpd_outside.estimator", "a sharper straight-through", reads=(), settings=SharpSettings)
IMITATE = MethodDeclaration(
    "fpd_outside.method",
    "the student's logits imitate the teacher's repair",
    reads=("start.*", "optim.*", "evaluation.weights", "refine.*"),
    settings=ImitateSettings,
)
OUTSIDE = TrackDeclaration(
    "fpd_outside.track",
    "four tokens, eight greys",
    presets={"default": TrackSizes(tokens=4, pixels=8)},
    evaluations=("outside",),
)
BRIGHT_SHARE = Metric("bright_share", "Bright", ("outside",), digits=4)
