"""execution.log mirrors the training log in the real TensorBoard, Weights & Biases and MLflow, offline, and no more."""

import json

import pytest

from fpd_bench import sweep
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.runs.folder.rundir import RunDir

WORDS = ["executor=inline", "seeds=[0]", "estimator=ste"]


@pytest.fixture
def trained(tiny, tmp_path):
    """A function: train the sweep's one run with these words; give its directory."""

    def train(*words, results="results"):
        file = str(tiny.write_sweep(tmp_path))
        assert sweep.main([file, *WORDS, *words, "--results", str(tmp_path / results)]) == 0
        (run_id,) = load_sweep(file, [*WORDS[1:], *words]).runs()
        return RunDir(tmp_path / results / "runs" / run_id)

    return train


def logged(run, name="loss"):
    return {row["step"]: row[name] for row in run.training_log() if name in row}


def test_tensorboard_holds_what_the_training_log_holds(trained):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = trained("execution.log=tensorboard")
    events = EventAccumulator(str(run.path.parents[1] / "logs/tensorboard" / run.run_id)).Reload()
    assert {one.step: one.value for one in events.Scalars("loss")} == pytest.approx(logged(run), rel=1e-6)


def test_mlflow_holds_what_the_training_log_holds(trained, monkeypatch):
    import mlflow

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run = trained("execution.log=mlflow")
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{run.path.parents[1] / 'logs/mlflow/mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("fpd-bench").experiment_id])
    assert found.info.run_name == run.run_id and found.data.params["estimator"] == "ste"
    assert {one.step: one.value for one in client.get_metric_history(found.info.run_id, "loss")} == logged(run)


def test_wandb_keeps_an_offline_run_of_the_same_id(trained, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    run = trained("execution.log=wandb")
    assert not [row for row in run.events() if row["kind"] == "warning"]
    (kept,) = (run.path.parents[1] / "logs/wandb").rglob("*.wandb")
    assert run.run_id in kept.name and kept.stat().st_size > 1000


def test_a_mirror_changes_neither_the_runs_name_nor_its_training(trained):
    plain, mirrored = trained(), trained("execution.log=[tensorboard]", results="others")
    assert plain.run_id == mirrored.run_id
    assert plain.student.read_bytes() == mirrored.student.read_bytes()
    assert logged(plain) == logged(mirrored)


def test_a_mirror_that_fails_is_a_warning_and_the_run_goes_on(trained, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "no-such-scheme://nowhere")
    run = trained("execution.log=mlflow")
    assert run.is_done()
    (said,) = [row["message"] for row in run.events() if row["kind"] == "warning"]
    assert said.startswith("execution.log=mlflow was left: ")


def test_several_words_are_a_list_and_an_unknown_one_is_refused(tiny, tmp_path, capsys):
    file = str(tiny.write_sweep(tmp_path))
    (config,) = load_sweep(file, [*WORDS[1:], "execution.log=wandb,tensorboard"]).runs().values()
    assert config.execution.log == ["tensorboard", "wandb"]
    assert sweep.main([file, "execution.log=tensorbord", "--results", str(tmp_path)]) == 2
    assert "Did you mean 'tensorboard'?" in capsys.readouterr().err


def test_a_package_that_is_not_there_is_told_before_work(tiny, tmp_path, capsys, monkeypatch):
    from fpd_bench.runs.execute import preflight

    monkeypatch.setattr(preflight, "find_spec", lambda name: None)
    file = str(tiny.write_sweep(tmp_path))
    assert sweep.main([file, *WORDS, "execution.log=wandb", "--results", str(tmp_path / "results")]) == 2
    assert "pip install 'fpd-bench[log]'" in capsys.readouterr().err
    assert json.dumps([path.name for path in tmp_path.iterdir()]) == '["tiny.yaml"]'
