"""What a run is, put together from its groups of fields; docs/fields.md lists them all.

Each field carries its meaning, unit, choices and range (knobs.py). Every default is the embedded (laptop) default of
fpd-bench; `sweeps/*.yaml` and `profile=paper` override them. Lists that are sets (bandwidths, blocks) are sorted and
deduplicated, so their order never makes a new run.
"""

from dataclasses import dataclass, field
from typing import Any

from fpd_bench.config.drift_fields import DriftConfig
from fpd_bench.config.evaluation_fields import EvaluationConfig, GeneratorConfig
from fpd_bench.config.execution_fields import ExecutionConfig
from fpd_bench.config.knobs import knob, span
from fpd_bench.config.training_fields import LAWS, DimoConfig, GanConfig, OptimConfig, RefineConfig, StartConfig

__all__ = [
    "LAWS",
    "MOST_SEED",
    "DimoConfig",
    "DriftConfig",
    "EvaluationConfig",
    "ExecutionConfig",
    "GanConfig",
    "GeneratorConfig",
    "OptimConfig",
    "RefineConfig",
    "RunConfig",
    "StartConfig",
    "TrackConfig",
]
MOST_SEED = 2**63 - 1  # what the index stores as a whole number


@dataclass
class TrackConfig:
    """The bench: teacher, tokenizer, prompts and detector."""

    name: str = knob("shapes", "the bench to measure on, one of the registry `tracks`")
    preset: str = knob("default", "size or world of the bench; `default` stands for one of them")


@dataclass
class RunConfig:
    """One run. identity.py says which fields are hashed into its run id. plugin: {name: settings of its own}."""

    track: TrackConfig = field(default_factory=TrackConfig)
    method: str = knob("fpd", "how the student is trained, one of the registry `methods`; or where images come from")
    estimator: str = knob("ste", "how gradients pass the codebook, one of the registry `estimators` (Eq. 8)")
    draft: str = knob("student", "what is damaged and repaired, one of the registry `drafts` (Table 3b)")
    seed: int = knob(0, "seed of training and sampling; a sweep sets it from its `seeds`", within=span(0, MOST_SEED))
    start: StartConfig = field(default_factory=StartConfig)
    refine: RefineConfig = field(default_factory=RefineConfig)
    drift: DriftConfig = field(default_factory=DriftConfig)
    gan: GanConfig = field(default_factory=GanConfig)
    dimo: DimoConfig = field(default_factory=DimoConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)
    plugin: dict[str, Any] = field(default_factory=dict)
