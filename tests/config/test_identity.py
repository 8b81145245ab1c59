"""Run ids: golden, blind to what changes no number, different for what does."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpd_bench.config.check import check
from fpd_bench.config.fields import leaves
from fpd_bench.config.identity import plugins, run_id, semantic
from fpd_bench.config.schema import DriftConfig, EvaluationConfig, ExecutionConfig, GanConfig, OptimConfig, RunConfig
from fpd_bench.config.yaml_text import from_yaml, to_yaml
from fpd_bench.errors import ConfigError, UnknownName

# Ids of published runs. A change here orphans every result there is: add fields with `since` and `before` instead.
# The files spell out every field, so that a changed default changes nothing here.
GOLDEN = {"feature_ste": "b140cf631671", "pixel_soft_gan": "7209edc21292", "teacher": "76c52ab74ce7"}


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
        found = getattr(node, leaf)
        setattr(
            node, leaf, found[:1] if isinstance(found, list) else f"{found}x" if isinstance(found, str) else found + 1
        )
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
    field = leaves()["gan.blur_sigma"]
    monkeypatch.setattr(field, "metadata", {"since": 2, "before": 1})
    assert "gan.blur_sigma" not in semantic(RunConfig())
    assert run_id(RunConfig()) != before  # it was part of the id; without it the id is another ...
    younger = run_id(RunConfig())
    assert run_id(RunConfig(gan=GanConfig(blur_sigma=2.0))) != younger  # ... and comes back when it differs


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
