"""Configurations that cannot work are refused before work starts, with the field, its value and what is valid."""

import pytest

from fpd_bench.config.availability import require_files
from fpd_bench.config.check import check
from fpd_bench.config.fields import leaves
from fpd_bench.config.schema import (
    DriftConfig,
    EvaluationConfig,
    ExecutionConfig,
    GanConfig,
    OptimConfig,
    RefineConfig,
    RunConfig,
    StartConfig,
    TrackConfig,
)
from fpd_bench.errors import AssetError, ConfigError

WRONG = {
    "Unknown track 'shaps' in track.name. Did you mean 'shapes'?": RunConfig(track=TrackConfig("shaps")),
    "Unknown preset of track shapes 'corse'. Did you mean 'coarse'?": RunConfig(track=TrackConfig(preset="corse")),
    "Unknown method 'fdp'. Did you mean 'fpd'?": RunConfig(method="fdp"),
    "Unknown draft 'none'. Available: random, student": RunConfig(draft="none"),
    "Unknown space 'pixels' in drift.space. Did you mean 'pixel'?": RunConfig(drift=DriftConfig(space="pixels")),
    "Unknown drift.positives 'every'": RunConfig(drift=DriftConfig(positives="every")),
    "Unknown drift.negatives 'rol'. Did you mean 'roll'?": RunConfig(drift=DriftConfig(negatives="rol")),
    "Unknown drift.scale 'layers'. Did you mean 'layer'?": RunConfig(drift=DriftConfig(scale="layers")),
    "drift.shifts=2 needs drift.negatives=roll (got self_masked)": RunConfig(
        drift=DriftConfig(shifts=2, negatives="self_masked")
    ),
    "drift.shifts=16 needs drift.negatives=roll (got roll) and fewer shifts than the 16 drafts": RunConfig(
        drift=DriftConfig(shifts=16)
    ),
    "drift.layer_weights=[1.0, 2.0] must be 4 numbers of 0 or more, not all 0": RunConfig(
        drift=DriftConfig(layer_weights=[1.0, 2.0])
    ),
    "drift.layer_weights=[0.0, 0.0] must be 2 numbers": RunConfig(
        drift=DriftConfig(blocks=[0, 1], layer_weights=[0.0, 0.0])
    ),
    "Unknown drift.normalise 'both'": RunConfig(drift=DriftConfig(normalise="both")),
    "Unknown refine.ratio 'cosin'": RunConfig(refine=RefineConfig(ratio="cosin")),
    "Unknown optim.schedule 'linear'": RunConfig(optim=OptimConfig(schedule="linear")),
    "optim.lr must be a number; got nan": RunConfig(optim=OptimConfig(lr=float("nan"))),
    "gan.weight must be a number; got inf": RunConfig(gan=GanConfig(weight=float("inf"))),
    "drift.bandwidths must be a list of numbers; got [nan]": RunConfig(drift=DriftConfig(bandwidths=[float("nan")])),
    "seed must be a whole number; got True": RunConfig(seed=True),
    "optim.steps must be 1 or more; got 0": RunConfig(optim=OptimConfig(steps=0)),
    "optim.betas must be a list of numbers, exactly 2; got [0.9].": RunConfig(optim=OptimConfig(betas=[0.9])),
    "start.r_init must be in (0, 1]; got 0.0": RunConfig(start=StartConfig(0.0)),
    "start.r_init must be in (0, 1]; got 1.5": RunConfig(start=StartConfig(1.5)),
    "start.r_init=0.02 masks none of the 16 tokens": RunConfig(start=StartConfig(0.02)),
    "refine.low=0.9 must not be above refine.high=0.5": RunConfig(refine=RefineConfig("uniform", low=0.9, high=0.5)),
    "drift.bandwidths must be a list of numbers, 1 or more; got []": RunConfig(drift=DriftConfig(bandwidths=[])),
    "drift.bandwidths must be more than 0; got [-0.1, 0.2]": RunConfig(drift=DriftConfig(bandwidths=[0.2, -0.1])),
    "drift.positives=condition needs optim.samples_per_condition of 2 or more": RunConfig(
        drift=DriftConfig(positives="condition"), optim=OptimConfig(samples_per_condition=1)
    ),
    "drift.cls=only is for transformers, but this track's backbone is EfficientNet-Lite0": RunConfig(
        drift=DriftConfig(cls="only")
    ),
    "drift.last_norm=True is for transformers": RunConfig(drift=DriftConfig(last_norm=True)),
    "drift.resize=224 makes no difference to drift.space=pixel. Leave it out, or use drift.space=feature": RunConfig(
        drift=DriftConfig(space="pixel", blocks=[], resize=224)
    ),
    "start.embedding_noise must be in [0, 1); got 1.0": RunConfig(start=StartConfig(embedding_noise=1.0)),
    "start.top_p must be in (0, 1]; got 0.0": RunConfig(start=StartConfig(top_p=0.0)),
    "optim.batch=64 must be a multiple of optim.samples_per_condition=7": RunConfig(
        optim=OptimConfig(samples_per_condition=7)
    ),
    "need 2 or more drafts to compare; got optim.batch=1": RunConfig(
        drift=DriftConfig(negatives="self_masked"), optim=OptimConfig(batch=1, samples_per_condition=1)
    ),
    "drift.grid=3 does not divide a 32 x 32 image": RunConfig(drift=DriftConfig(space="pixel", blocks=[], grid=3)),
    "drift.grid=5 does not divide the 16 x 16 map of block 0. For these blocks choose 0 or one of 1, 2, 4, 8, 16.": (
        RunConfig(drift=DriftConfig(grid=5))
    ),
    "drift.grid=4 does not divide the 6 x 6 map of block 2. For these blocks choose 0 or one of 1, 3, 6, 12, 24.": (
        RunConfig(track=TrackConfig(preset="large"))
    ),
    "drift.grid=4 does not divide the 10 x 10 map of block 1. For these blocks choose 0 or one of": (
        RunConfig(drift=DriftConfig(resize=40))
    ),
    "drift.blocks=[2, 11] are not blocks of track 'shapes'. Choose one or more of [0, 1, 2, 3, 4]": RunConfig(
        drift=DriftConfig(blocks=[2, 11])
    ),
    "drift.blocks=[] must be one or more numbers of the backbone's blocks": RunConfig(drift=DriftConfig(blocks=[])),
    "execution.device must be cpu, cuda, cuda:N or mps; got 'gpu'": RunConfig(execution=ExecutionConfig(device="gpu")),
    "execution.micro_batch=65 must not exceed optim.batch=64": RunConfig(execution=ExecutionConfig(micro_batch=65)),
    "Unknown evaluation.split 'train'": RunConfig(evaluation=EvaluationConfig(split="train")),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_cannot_work_is_refused(message):
    with pytest.raises(ConfigError) as caught:
        check(WRONG[message])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "right",
    [
        RunConfig(),
        RunConfig(method="teacher", drift=DriftConfig(bandwidths=[])),  # a teacher reads no drift
        RunConfig(drift=DriftConfig(space="pixel", blocks=[], grid=0)),
        RunConfig(drift=DriftConfig(shifts=7, layer_weights=[0.25] * 4, scale="none", equalise="running")),
        RunConfig(drift=DriftConfig(space="pixel", blocks=[], layer_weights=[2])),
        RunConfig(optim=OptimConfig(samples_per_condition=1)),  # the whole batch is one group
        RunConfig(start=StartConfig(1.0), track=TrackConfig(preset="large"), drift=DriftConfig(grid=3)),
        RunConfig(drift=DriftConfig(negatives="roll"), optim=OptimConfig(batch=1, samples_per_condition=1)),
    ],
)
def test_what_works_is_let_through(right):
    check(right)


def test_every_field_says_what_it_means_and_every_number_has_a_range():
    assert [name for name, field in leaves().items() if not field.metadata["says"]] == []
    numbers = {name for name, field in leaves().items() if field.type in (int, float)}
    assert {name for name in numbers if not leaves()[name].metadata["within"]} == {"dimo.jeffreys_beta"}


def test_a_check_looks_at_no_file_and_what_is_missing_is_told_apart(monkeypatch):
    monkeypatch.delenv("FPD_WEIGHTS", raising=False)
    paper = RunConfig(track=TrackConfig("maskgen"), drift=DriftConfig(blocks=[2, 5]))
    check(paper)
    with pytest.raises(AssetError, match="Track 'maskgen' needs its published weights: FPD_WEIGHTS is not set"):
        require_files(paper)
