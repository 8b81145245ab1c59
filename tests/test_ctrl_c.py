"""Ctrl-C while any command loads what it needs, or works, is one line and exit code 130."""

import subprocess
import sys

import pytest

from tests.plugin import tiny_runs

# A finder that sends SIGINT when the module is asked for: the moment at which a person's Ctrl-C is likeliest to come.
PRESSED = """
import os, runpy, signal, sys
class Finder:
    def find_spec(name, path=None, target=None):
        if name == {module!r} and Finder in sys.meta_path:
            sys.meta_path.remove(Finder)
            os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder)
sys.argv = ["fpd_bench.{door}", *{words!r}]
runpy.run_module("fpd_bench.{door}", run_name="__main__", alter_sys=True)
"""
DOORS = {
    "sweep": (["{sweep}", "--dry-run"], ("fpd_bench.config.sweeps.spec", "hydra", "fpd_bench.runs.execute.sweep_plan")),
    "report": (["{sweep}"], ("fpd_bench.config.sweeps.spec", "hydra", "sqlalchemy", "pandas")),
    "search": (["sweeps/search_lambda_bandwidths.yaml", "--dry-run"], ("hydra", "optuna")),
    "status": ([], ("fpd_bench.runs.watch.status_table", "rich")),
    "sample": (["teacher", "a photo of a red circle"], ("torch", "fpd_bench.runs.perform.prompt_sheet")),
    "store": (["check"], ("fpd_bench.store.consistency", "pandas")),
    "clean": (["{sweep}"], ("fpd_bench.config.sweeps.spec", "hydra")),
    "tracks": (["check", "shapes"], ("fpd_bench.tracks.checking",)),
    "evals.geneval": (["summary", "results.jsonl"], ("numpy", "fpd_bench.evals.geneval.results_file")),
    "evals.fidelity": (["a", "--reference", "b"], ("torch", "fpd_bench.evals.fidelity.measure")),
}
CASES = [(door, words, module) for door, (words, modules) in DOORS.items() for module in modules]


@pytest.mark.parametrize(("door", "words", "module"), CASES, ids=[f"{door}-{module}" for door, _, module in CASES])
def test_ctrl_c_while_a_command_loads_is_one_line(tmp_path, door, words, module):
    sweep = tiny_runs.write_sweep(tmp_path)
    (tmp_path / "results" / "runs" / "0123456789ab").mkdir(parents=True)
    (tmp_path / "sweeps").symlink_to(tiny_runs.ROOT / "sweeps")
    code = PRESSED.format(module=module, door=door, words=[word.format(sweep=sweep) for word in words])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=tiny_runs.environment(), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (130, "Stopped by Ctrl-C.\n")
