"""`executor...=` overrides: fields, ranges, any option of sbatch but those that jobs are found by."""

from pathlib import Path

import pytest

from fpd_bench.config.schema import ExecutionConfig
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.errors import ConfigError
from fpd_bench.runs.execute.executor import choose_executor
from fpd_bench.runs.execute.options import ExecutorOptions, fit_to_runs, split_executor
from fpd_bench.runs.slurm import scheduler, submit

SWEEPS = Path(__file__).parents[3] / "sweeps"


def test_executor_fields_are_taken_out_of_the_overrides():
    executor, rest = split_executor(
        ["executor=slurm", "executor.partition=gpu", "executor.timeout_min=90", "seeds=[0]", "executor.sbatch.nice=5"]
    )
    assert (executor.name, executor.partition, executor.timeout_min) == ("slurm", "gpu", 90)
    assert executor.sbatch == {"nice": "5"}
    assert rest == ["seeds=[0]"]


@pytest.mark.parametrize("text", ["'10:30'", "1.5", "0", "50000"])
def test_times_are_whole_minutes(text):
    with pytest.raises(ConfigError, match="from 1 to 43200; got") as told:
        split_executor(["executor=slurm", f"executor.timeout_min={text}"])
    if ":" in text:
        assert "Write 11 (10 min 30 s) or 630 (10 h 30 min)." in str(told.value)


def test_an_option_of_sbatch_is_one_however_it_is_spelled():
    executor, _ = split_executor(["executor=slurm", "executor.sbatch.cpus-per-gpu=2", "executor.sbatch.mail_type=END"])
    assert executor.sbatch == {"cpus_per_gpu": "2", "mail_type": "END"}


@pytest.mark.parametrize(
    ("option", "instead"),
    [("partition", "Set executor.partition."), ("time", "Set executor.timeout_min."), ("job-name", "leave it out")],
)
def test_what_the_launcher_sets_itself_is_no_option(option, instead):
    with pytest.raises(ConfigError, match=f"executor.sbatch.{option} cannot be set here: .*{instead}"):
        split_executor(["executor=slurm", f"executor.sbatch.{option}=x"])


ON_CPU, ON_GPU, ON_TWO = ExecutionConfig(), ExecutionConfig("cuda"), ExecutionConfig("cuda", processes=2)


@pytest.mark.parametrize(
    ("words", "executions", "gpus"),
    [
        ([], [ON_CPU], 0),
        ([], [ON_CPU, ON_GPU], 1),
        ([], [ON_GPU, ON_TWO], 2),
        (["executor.gpus=4"], [ON_TWO], 4),
        (["executor.gpus=0"], [ON_GPU], 0),
        (["executor.sbatch.gres=gpu:a100:2"], [ON_TWO], 0),
        (["executor.sbatch.gpus-per-task=1"], [ON_GPU], 0),
    ],
)
def test_a_job_has_the_gpus_that_its_runs_need_unless_told_otherwise(words, executions, gpus):
    executor, _ = split_executor(["executor=slurm", *words])
    assert fit_to_runs(executor, executions).gpus == gpus


def test_runs_on_a_gpu_do_not_share_it_unless_told_to():
    executor, _ = split_executor([])
    assert fit_to_runs(executor, [ON_GPU]).workers == 1 <= fit_to_runs(executor, [ON_CPU]).workers
    asked, _ = split_executor(["executor.workers=3"])
    assert fit_to_runs(asked, [ON_GPU]).workers == 3


def check(monkeypatch, *words):
    """What is said of the smoke sweep on a cluster that takes anything."""
    monkeypatch.setattr(scheduler, "check_cluster", lambda partition, options: None)
    executor, overrides = split_executor(["executor=slurm", *words])
    sweep = load_sweep(SWEEPS / "smoke.yaml", overrides)
    return choose_executor(executor, sweep).check(sweep, detach=False)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["execution.device=cuda"],
        ["execution.device=cuda", "execution.processes=2"],
        ["execution.device=cuda", "executor.gpus=0", "executor.sbatch.gres=gpu:1"],
        ["execution.device=cuda", "execution.processes=2", "executor.sbatch.gres=gpu:2"],
    ],
)
def test_jobs_that_suit_their_runs(monkeypatch, words):
    assert check(monkeypatch, *words) == ""


def test_a_gpu_held_for_nothing_is_said(monkeypatch):
    said = check(monkeypatch, "executor.gpus=1")
    assert "all runs have execution.device=cpu: a job holds a GPU and computes on the CPU" in said


def test_a_list_is_slurms_own_and_a_number_has_one_value():
    executor, _ = split_executor(
        ["executor=slurm", "executor.partition=main,preempt", "executor.sbatch.exclude=n1,n2", "executor.qos='a'"]
    )
    assert (executor.partition, executor.sbatch, executor.qos) == ("main,preempt", {"exclude": "n1,n2"}, "a")
    for words in (["executor=slurm,local"], ["executor=slurm", "executor.timeout_min=30,60"]):
        with pytest.raises(ConfigError):
            split_executor(words)


def test_a_node_that_failed_is_left_out_beside_those_that_the_user_leaves_out():
    asked = ExecutorOptions(name="slurm", sbatch={"exclude": "n2"})
    assert submit._sbatch(asked, "n1")["exclude"] == "n2,n1" and submit._sbatch(asked, "")["exclude"] == "n2"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["execution.device=cuda", "executor.gpus=0", "executor.sbatch.gres=tmpfs:10G"],
            "executor.gpus=0 gives a job no GPU",
        ),
        (["execution.device=cuda", "executor.gpus=0"], "execution.device=cuda, but executor.gpus=0 gives a job no GPU"),
        (["execution.device=cuda", "execution.processes=2", "executor.gpus=1"], "executor.gpus is 1. Write executor.g"),
        (["execution.processes=2"], "execution.processes=2 on cpu needs as many in one job; executor.cpus is 1"),
    ],
)
def test_jobs_that_lack_what_their_runs_need_are_refused(monkeypatch, words, said):
    with pytest.raises(ConfigError, match=said):
        check(monkeypatch, *words)
