"""Run ids: golden, blind to what changes no number, different for what does."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpd_bench.config.check import check
from fpd_bench.config.fields import leaves
from fpd_bench.config.identity import plugins, run_id, semantic
from fpd_bench.config.schema import (
    DimoConfig,
    DriftConfig,
    EvaluationConfig,
    ExecutionConfig,
    GanConfig,
    GeneratorConfig,
    OptimConfig,
    RefineConfig,
    RunConfig,
    StartConfig,
)
from fpd_bench.config.yaml_text import from_yaml, to_yaml
from fpd_bench.errors import ConfigError, UnknownName

# Ids of published runs. A change here orphans every result there is: add fields with `before` instead.
# The files spell out every field, so that a changed default changes nothing here.
GOLDEN = {"feature_ste": "a283dd4cba6d", "pixel_soft_gan": "dac9a70cb685", "teacher": "24ef3b62bd2d"}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_ids(name):
    text = (Path(__file__).parent / "golden" / f"{name}.yaml").read_text()
    assert run_id(from_yaml(text)) == GOLDEN[name]


@pytest.mark.parametrize(
    "same",
    [
        RunConfig(execution=ExecutionConfig(device="cuda", threads=8, micro_batch=4)),
        RunConfig(drift=DriftConfig(blocks=[3, 2, 1, 0, 0], bandwidths=[2, 0.5, 1, 1])),
        RunConfig(gan=GanConfig(weight=0), optim=OptimConfig(clip=1)),  # whole numbers where numbers are declared
        RunConfig(gan=GanConfig(weight=-0.0)),
        RunConfig(evaluation=EvaluationConfig(teacher_steps=4)),  # read by method=teacher only
    ],
)
def test_what_changes_no_number_changes_no_id(same):
    assert run_id(same) == run_id(RunConfig())


def other(found):
    """A value of the same type."""
    if isinstance(found, list):
        return found[:1] or [1.0]
    return f"{found}x" if isinstance(found, str) else found + 1


def test_every_semantic_field_changes_the_id():
    ids = {run_id(RunConfig())}
    names = [
        name
        for name in semantic(RunConfig())
        if name not in ("track.name", "method", "estimator", "draft", "drift.space")
    ]
    for name in names:
        config = RunConfig()
        node, leaf = config, name
        while "." in leaf:
            branch, _, leaf = leaf.partition(".")
            node = getattr(node, branch)
        setattr(node, leaf, other(getattr(node, leaf)))
        ids.add(run_id(config))
    assert len(ids) == len(names) + 1


def test_one_teacher_serves_every_sweep_of_a_track():
    teacher = RunConfig(method="teacher")
    assert run_id(teacher) == run_id(replace(teacher, estimator="soft", optim=OptimConfig(steps=7)))
    assert run_id(teacher) != run_id(replace(teacher, evaluation=EvaluationConfig(teacher_steps=1)))
    assert run_id(teacher) != run_id(replace(teacher, seed=1))
    assert plugins(teacher) == {"track:shapes": 1}


def test_plugins_that_do_not_exist_have_no_id():
    with pytest.raises(UnknownName, match="Unknown estimator 'stee'. Did you mean 'ste'?"):
        run_id(RunConfig(estimator="stee"))


def test_a_younger_field_leaves_old_ids_alone(monkeypatch):
    before = run_id(RunConfig())
    monkeypatch.setattr(leaves()["optim.ema"], "metadata", {**leaves()["optim.ema"].metadata, "before": 0.99})
    assert "optim.ema" not in semantic(RunConfig()) and run_id(RunConfig()) != before
    assert "optim.ema" in semantic(RunConfig(optim=OptimConfig(ema=0.9)))


@settings(max_examples=25)
@given(
    st.lists(st.integers(0, 4), min_size=1),
    st.lists(st.floats(1e-3, 10), min_size=1),
    st.integers(0, 2**31),
    st.floats(0, 1),
)
def test_a_configuration_survives_its_file(blocks, bandwidths, seed, weight):
    drift = DriftConfig(blocks=blocks, bandwidths=bandwidths)
    config = RunConfig(seed=seed, drift=drift, gan=GanConfig(weight=weight))
    again = from_yaml(to_yaml(config))
    assert (again, run_id(again)) == (config, run_id(config))
    check(again)


@pytest.mark.parametrize("text", ["estimatr: ste", "seed: one", "seed: [1", "- 1"])
def test_a_file_of_something_else_is_refused(text):
    with pytest.raises(ConfigError, match="config"):
        from_yaml(text)


DIMO = RunConfig(method="dimo")
UNREAD = {  # pairs of configurations that compute the same
    "dimo reads no drift": (DIMO, replace(DIMO, drift=DriftConfig(bandwidths=[0.1], space="pixel"))),
    "dimo reads no estimator": (DIMO, replace(DIMO, estimator="soft", draft="random")),
    "fpd reads nothing of dimo": (RunConfig(), RunConfig(dimo=DimoConfig(aux_lr=1.0))),
    "no discriminator, no lr of it": (RunConfig(), RunConfig(gan=GanConfig(lr=1.0, updates=3, blur_sigma=0.0))),
    "no blur, no end of it": (
        RunConfig(gan=GanConfig(1.0, blur_sigma=0.0)),
        RunConfig(gan=GanConfig(1.0, blur_sigma=0.0, blur_fraction=0.9)),
    ),
    "arccos has no bounds": (RunConfig(), RunConfig(refine=RefineConfig(low=0.3, high=0.4))),
    "argmax draws from nothing": (
        RunConfig(start=StartConfig(sampling="argmax")),
        RunConfig(start=StartConfig(sampling="argmax", top_k=3, top_p=0.2)),
    ),
    "pixels have no blocks": (
        RunConfig(drift=DriftConfig(space="pixel")),
        RunConfig(drift=DriftConfig(space="pixel", blocks=[1], resize=64)),
    ),
    "a folder has no sampler": (
        RunConfig(method="folder", generator=GeneratorConfig("x")),
        RunConfig(method="folder", generator=GeneratorConfig("x", steps=4)),
    ),
}


@pytest.mark.parametrize("why", UNREAD)
def test_a_setting_that_changes_nothing_names_no_new_run(why):
    one, other = UNREAD[why]
    assert run_id(one) == run_id(other)


def test_the_same_settings_name_another_run_where_they_are_read():
    assert run_id(RunConfig()) != run_id(RunConfig(drift=DriftConfig(bandwidths=[0.1])))
    assert run_id(DIMO) != run_id(replace(DIMO, dimo=DimoConfig(aux_lr=1.0)))
    assert run_id(RunConfig(gan=GanConfig(1.0))) != run_id(RunConfig(gan=GanConfig(1.0, lr=1.0)))
    low, high = RefineConfig("uniform", low=0.2), RefineConfig("uniform", low=0.3)
    assert run_id(RunConfig(refine=low)) != run_id(RunConfig(refine=high))
