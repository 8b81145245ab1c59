"""`clean` removes what no table needs, and nothing that anybody works on, on real run directories."""

import io
import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from fpd_bench.clean import main
from fpd_bench.config.compose import compose
from fpd_bench.config.identity import plugins, semantic
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.records import layout
from fpd_bench.runs.cleanup import collect
from fpd_bench.runs.folder import claims, submissions
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.store.__main__ import main as store
from tests.store.synthetic_runs import write_run

SWEEP = """
name: two
seeds: [0]
profiles: {embedded: [], long: [optim.steps=77]}
tables: [{id: a, grid: ["estimator=soft,ste"], rows: [{id: ste, label: STE, where: {estimator: ste}}]}]
"""
OLD = time.time() - 2 * collect.STALE_SECONDS


@pytest.fixture
def sweep(tmp_path):
    path = tmp_path / "two.yaml"
    path.write_text(SWEEP)
    return path


def make(results, config, end="done", checkpoints=True):
    """A run directory as the harness makes it, ended by hand."""
    run = RunDir.create(results, config)
    write_run(results, run.run_id, config, end=end, per_task=1)
    identity = {"run_id": run.run_id, "config_schema": 1, "semantic": semantic(config), "plugins": plugins(config)}
    (run.path / "run.json").write_text(json.dumps(identity))
    if checkpoints:
        run.checkpoints.mkdir()
        (run.checkpoints / "step_300.pt").write_bytes(b"x" * 2000)
    if end == "done":
        run.student.write_bytes(b"weights")
        run.finish("done")
    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Four needed runs (two of another profile at another seed) and one that no table asks for."""
    folder = tmp_path_factory.mktemp("made")
    sweep = folder / "two.yaml"
    sweep.write_text(SWEEP)
    wanted = [*load_sweep(sweep).runs().values(), *load_sweep(sweep, ["profile=long", "seeds=[7]"]).runs().values()]
    for config in wanted:
        make(folder, config)
    return folder, make(folder, compose(["optim.steps=5"])).run_id


@pytest.fixture
def results(made, tmp_path):
    shutil.copytree(made[0] / "runs", tmp_path / "results" / "runs")
    return tmp_path / "results"


@pytest.fixture
def unneeded(made, results):
    return RunDir(results / "runs" / made[1])


def names(results):
    return {path.name for path in (results / "runs").iterdir()}


def gc(results, sweep, *flags):
    return main([str(sweep), "--results", str(results), *flags])


def test_a_dry_run_says_what_would_go_with_its_size_and_touches_nothing(results, sweep, capsys):
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
    assert gc(results, sweep, "--dry-run") == 0
    said = capsys.readouterr().out
    assert "no table asks for it" in said and "To remove: 4 checkpoints, 1 run; " in said and "2.0 KB" in said
    assert {path: path.stat().st_mtime_ns for path in results.rglob("*")} == before


def test_what_every_profile_and_any_seed_needs_stays_and_the_rest_goes(results, unneeded, sweep, capsys):
    needed = names(results) - {unneeded.run_id}
    assert gc(results, sweep, "--yes") == 0
    assert names(results) == needed
    runs = [RunDir(results / "runs" / name) for name in needed]
    assert all(run.is_done() and not run.damaged() and not run.checkpoints.exists() for run in runs)
    assert "Removed 5, " in capsys.readouterr().out
    assert not (results / collect.TRASH).exists()
    assert gc(results, sweep) == 0
    assert "Nothing to remove." in capsys.readouterr().out


def test_overrides_on_the_command_line_need_more_runs(results, unneeded, sweep):
    assert gc(results, sweep, "optim.steps=5", "--yes") == 0
    assert unneeded.is_done()


def test_a_run_that_is_running_or_queued_or_of_another_host_is_never_touched(results, unneeded, sweep, capsys):
    held = unneeded
    claim = claims.acquire(held.claim, 1)  # this very process
    assert gc(results, sweep, "--yes") == 0
    assert held.is_done()
    claims.release(held.claim, claim)
    held.claim.write_text(json.dumps({**claim.__dict__, "host": "elsewhere"}))
    assert gc(results, sweep, "--yes") == 0
    assert held.is_done()
    held.claim.unlink()
    assert submissions.claim(held, submissions.new_batch(), -1)
    assert gc(results, sweep, "--yes") == 0
    assert held.is_done() and "kept: 1 runs that are running or queued" in capsys.readouterr().out


def test_a_run_claimed_between_the_look_and_the_act_stays(results, unneeded, sweep):
    found = collect.plan_cleanup(results, [str(sweep)])
    held = unneeded
    claims.acquire(held.claim, 1)
    removed = collect.carry_out(found)
    assert held.is_done() and "already running" in removed.stayed[held.path]


def test_checkpoints_stay_while_they_may_be_needed(sweep, tmp_path):
    results = tmp_path / "results"
    first, second = load_sweep(sweep).runs().values()
    stopped, damaged = make(results, first, end="interrupted"), make(results, second)
    damaged.student.write_bytes(b"not these")
    assert gc(results, sweep, "--yes") == 0
    assert (stopped.checkpoints / "step_300.pt").exists() and (damaged.checkpoints / "step_300.pt").exists()


def test_leftovers_of_killed_processes_go_once_they_are_old(results, made, sweep):
    run = RunDir(results / "runs" / min(names(results) - {made[1]}))
    old = [
        run.path / ".DONE.0a1b2c3d.tmp", run.path / "checkpoints" / ".step_400.pt.0a1b2c3d.tmp",
        run.path / f".claim.json.{'0' * 32}", results / "index.sqlite.rebuild-4194305", results / ".probe-77",
    ]  # fmt: skip
    young, foreign = run.path / ".run.json.0a1b2c3d.tmp", run.path / ".notes"
    for path in (*old, young, foreign):
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    for path in (*old, foreign):
        os.utime(path, (OLD, OLD))
    assert gc(results, sweep, "--yes") == 0
    assert not any(path.exists() for path in old) and young.exists() and foreign.exists()


def test_folders_that_are_no_runs_of_ours_and_links_stay(results, unneeded, sweep, tmp_path):
    copy, link = results / "runs" / ("f" * 12), results / "runs" / ("e" * 12)
    shutil.copytree(unneeded.path, copy)
    (tmp_path / "far").mkdir()
    link.symlink_to(tmp_path / "far")
    (results / "runs" / "notes").mkdir()
    assert gc(results, sweep, "--yes") == 0
    assert copy.is_dir() and link.is_symlink() and (results / "runs" / "notes").is_dir()
    assert not unneeded.is_done()


def test_what_a_killed_gc_left_half_removed_goes_next_time(results, sweep):
    code = "import os, shutil; from fpd_bench.clean import main\nshutil.rmtree = lambda path: os._exit(9); main()"
    command = [sys.executable, "-c", code, str(sweep), "--results", str(results), "--yes"]
    assert subprocess.run(command, check=False).returncode == 9
    assert len(list(results.rglob("config.yaml"))) == 5, "one is in the trash, or none"
    assert gc(results, sweep, "--yes") == 0
    assert len(names(results)) == 4 and not (results / collect.TRASH).exists()


def test_nothing_goes_without_a_word(results, sweep, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert gc(results, sweep) == 2
    assert "--yes" in capsys.readouterr().err and len(names(results)) == 5
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
    for answer, code, left in (("n", 1, 5), ("", 1, 5), ("y", 0, 4)):
        monkeypatch.setattr("builtins.input", lambda question, answer=answer: answer)
        assert gc(results, sweep) == code and len(names(results)) == left


def test_without_a_sweep_file_nothing_is_unneeded(results, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["--results", str(results), "--yes"]) == 2
    assert "no sweep files" in capsys.readouterr().err
    assert main(["nowhere.yaml", "--results", str(results), "--yes"]) == 2
    assert len(names(results)) == 5


def test_runs_of_a_search_cannot_be_listed_so_no_run_goes(results, sweep, tmp_path, monkeypatch, capsys):
    (tmp_path / "sweeps").mkdir()
    shutil.copy(sweep, tmp_path / "sweeps")
    (tmp_path / "sweeps" / "search_bandwidths.yaml").write_text("name: search")
    monkeypatch.chdir(tmp_path)
    assert main(["--results", str(results), "--yes"]) == 0
    assert len(names(results)) == 5 and "search_bandwidths.yaml (a search)" in capsys.readouterr().out


def test_the_index_follows(results, sweep):
    assert store(["check", "--results", str(results)]) == 0
    assert gc(results, sweep, "--yes") == 0
    assert store(["check", "--results", str(results)]) == 0
    assert layout.read_json(results / "runs" / min(names(results)) / "DONE")
