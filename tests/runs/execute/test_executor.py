"""Every executor keeps the protocol; which one it is, is asked in one place."""

import inspect
from pathlib import Path

import pytest

import fpd_bench
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.errors import ConfigError
from fpd_bench.runs.execute.executor import EXECUTORS, Ending, Executor, choose_executor
from fpd_bench.runs.execute.options import split_executor
from fpd_bench.runs.execute.sweep_plan import plan_sweep

SMOKE = Path(__file__).parents[3] / "sweeps" / "smoke.yaml"


@pytest.mark.parametrize("name", EXECUTORS)
def test_it_answers_what_the_protocol_asks(name):
    options, overrides = split_executor([f"executor={name}"])
    found = choose_executor(options, load_sweep(SMOKE, overrides))
    assert found.here is (name != "slurm") and found.options.name == name
    for method in ("check", "preview", "carry_out", "cancel"):
        wanted, given = (inspect.signature(getattr(one, method)) for one in (Executor, type(found)))
        assert list(wanted.parameters) == list(given.parameters), method


@pytest.mark.parametrize("name", ["local", "inline"])
def test_work_here_cannot_be_left_to_nobody(name):
    options, overrides = split_executor([f"executor={name}"])
    sweep = load_sweep(SMOKE, overrides)
    with pytest.raises(ConfigError, match=f"--detach needs executor=slurm; the executor is '{name}'"):
        choose_executor(options, sweep).check(sweep, detach=True)


def test_nothing_to_do_needs_no_preview(tmp_path):
    options, overrides = split_executor([])
    sweep = load_sweep(SMOKE, overrides)
    before = plan_sweep(sweep, tmp_path)
    assert "minutes of one worker" in choose_executor(options, sweep).preview(
        sweep, before, tmp_path
    ) or "unknown" in choose_executor(options, sweep).preview(sweep, before, tmp_path)
    before.states.clear()
    assert choose_executor(options, sweep).preview(sweep, before, tmp_path) == ""
    assert not Ending().under_way


def test_no_other_file_asks_for_an_executors_name():
    root = Path(fpd_bench.__file__).parent
    asking = [path.relative_to(root).as_posix() for path in root.rglob("*.py") if 'name == "slurm"' in path.read_text()]
    assert asking == []
