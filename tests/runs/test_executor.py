"""`executor...=` overrides: fields, ranges, any option of sbatch but those that jobs are found by."""

import pytest

from fpd_bench.errors import ConfigError
from fpd_bench.runs.executor import split_executor


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
    with pytest.raises(ConfigError, match=f"executor.sbatch.{option} is set by the launcher. .*{instead}"):
        split_executor(["executor=slurm", f"executor.sbatch.{option}=x"])
