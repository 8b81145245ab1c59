"""Sweeps in fresh processes: killed at any moment, started twice, stopped by Ctrl-C, they end with the same numbers."""

import json
import os
import signal

import pytest

from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.runs.execute.local import run_inline
from fpd_bench.runs.execute.sweep_plan import open_run
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.watch.state import state_of

pytestmark = pytest.mark.slow

ONE = ["estimator=ste", "seeds=[0]"]
SLOW = {"TINY_SECONDS": "0.03"}


@pytest.fixture
def sweep(tiny, tmp_path):
    return tiny.write_sweep(tmp_path)


@pytest.fixture
def undisturbed(tiny, sweep, tmp_path):
    """Fingerprints by run id of the runs that nothing happened to."""

    def make(overrides):
        configs = load_sweep(sweep, overrides).runs()
        runs = [RunDir.create(tmp_path / "undisturbed", config) for config in configs.values()]
        ends = []
        run_inline(runs, ends.append)
        assert [end.status for end in ends] == ["done"] * len(runs), ends
        return {run.run_id: tiny.fingerprint(run) for run in runs}

    return make


def the_run(sweep, results, overrides=ONE):
    (run_id,) = load_sweep(sweep, overrides).runs()
    return open_run(results, run_id)


def training_at(run, step):
    """The claim's pid once the run has a checkpoint and has logged `step`."""

    def look():
        logged = max((row["step"] for row in run.training_log()), default=0)
        return json.loads(run.claim.read_text())["pid"] if logged >= step and run.claim.exists() else None

    return look


def test_a_killed_worker_is_replaced_and_its_run_ends_with_the_same_numbers(tiny, sweep, tmp_path, undisturbed):
    results = tmp_path / "results"
    run = the_run(sweep, results)
    process = tiny.start("sweep", sweep, *ONE, "executor.workers=1", "--results", results, **SLOW)
    os.kill(tiny.wait_until(training_at(run, 7)), signal.SIGKILL)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "STE" in out and "Report: python -m fpd_bench.report" in err
    assert run.attempts() == [1, 2]
    assert {run.run_id: tiny.fingerprint(run)} == undisturbed(ONE)
    events = run.events()
    code, out, err = tiny.call("sweep", sweep, *ONE, "--results", results)
    assert code == 0 and "1 done, 0 to do" in err
    assert run.events() == events


MANY = [*ONE, "evaluation.images_per_prompt=512", "optim.steps=10"]  # 2,048 images in 16 shards


def test_killed_sampling_and_scoring_go_on_where_they_were(tiny, sweep, tmp_path, undisturbed):
    results = tmp_path / "results"
    run = the_run(sweep, results, MANY)
    slow = {"TINY_SECONDS": 0.1, "TINY_HANG": "2-dim"}
    process = tiny.start("sweep", sweep, *MANY, "executor.workers=1", "--results", results, **slow)

    def shards():
        return {path.name: path.stat().st_mtime_ns for path in run.shards("test").glob("*.npy")}

    tiny.wait_until(lambda: len(shards()) >= 3)
    os.kill(json.loads(run.claim.read_text())["pid"], signal.SIGKILL)
    drawn = shards()
    assert 3 <= len(drawn) < 16 and not run.samples("test").exists()
    tiny.wait_until(lambda: run.attempts() == [1, 2] and len(shards()) > len(drawn))
    assert drawn.items() <= shards().items()  # the same files as before: nothing was drawn again
    tiny.wait_until(lambda: len(run.partial_scores("test")) == 2 * 512)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    tiny.wait_until(lambda: state_of(run).state == "stale")
    code, _out, err = tiny.call("sweep", sweep, *MANY, "--results", results, TINY_FAILURE="1-bright")
    assert code == 0, err  # an item that is scored already would fail if it were scored again
    assert {run.run_id: tiny.fingerprint(run)} == undisturbed(MANY)


def test_a_worker_that_dies_twice_fails_its_run_and_not_the_others(tiny, sweep, tmp_path):
    results, two = tmp_path / "results", ["estimator=ste", "seeds=[0,1]"]
    first, second = (open_run(results, run_id) for run_id in load_sweep(sweep, two).runs())
    process = tiny.start("sweep", sweep, *two, "executor.workers=1", "--results", results, **SLOW)
    os.kill(tiny.wait_until(training_at(first, 7)), signal.SIGKILL)
    tiny.wait_until(lambda: first.attempts() == [1, 2])
    os.kill(tiny.wait_until(training_at(first, 12)), signal.SIGKILL)
    _out, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "worker_died: its worker process died 2 times (signal 9, SIGKILL)" in err
    assert (state_of(first).state, state_of(second).state) == ("failed", "done")
    assert tiny.call("status", sweep, *two, "--results", results)[0] == 1
    assert tiny.call("sweep", sweep, *two, "--results", results)[0] == 0


def test_when_the_orchestrator_is_killed_its_workers_save_and_stop(tiny, sweep, tmp_path, undisturbed):
    results = tmp_path / "results"
    run = the_run(sweep, results)
    process = tiny.start("sweep", sweep, *ONE, "--results", results, **SLOW)
    tiny.wait_until(training_at(run, 7))
    process.kill()
    process.wait()
    tiny.wait_until(lambda: state_of(run).state == "interrupted")
    code, _out, err = tiny.call("sweep", sweep, *ONE, "--results", results)
    assert code == 0 and "1 to do (1 interrupted)" in err
    assert {run.run_id: tiny.fingerprint(run)} == undisturbed(ONE)


def test_ctrl_c_saves_and_the_same_command_continues(tiny, sweep, tmp_path, undisturbed):
    results = tmp_path / "results"
    run = the_run(sweep, results)
    process = tiny.start("sweep", sweep, *ONE, "--results", results, **SLOW)
    tiny.wait_until(training_at(run, 7))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    _out, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "Stopped: 0 of 1 runs have a result. The same command continues."
    assert "Traceback" not in err
    assert state_of(run).state == "interrupted"
    assert tiny.call("sweep", sweep, *ONE, "--results", results)[0] == 0
    assert {run.run_id: tiny.fingerprint(run)} == undisturbed(ONE)


def test_two_sweeps_at_once_make_each_run_once(tiny, sweep, tmp_path):
    results = tmp_path / "results"
    both = [tiny.start("sweep", sweep, "executor.workers=1", "--results", results, **SLOW) for _ in range(2)]
    heard = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], heard
    runs = [open_run(results, run_id) for run_id in load_sweep(sweep).runs()]
    assert [run.attempts() for run in runs] == [[1]] * 4
    assert heard[0][0] == heard[1][0]


def test_one_worker_command_reproduces_a_run(tiny, sweep, tmp_path, undisturbed):
    expected = undisturbed(ONE)
    (config,) = load_sweep(sweep, ONE).runs().values()
    run = RunDir.create(tmp_path / "results", config)
    code, out, err = tiny.call("worker", run.path)
    assert (code, out) == (0, f"{run.run_id} done\n"), err
    assert {run.run_id: tiny.fingerprint(run)} == expected
