"""A search whose trials are batch jobs: detached, continued, cancelled, with a node going down under it."""

import json

import pytest

from fpd_bench import search, status
from fpd_bench.config.searches.search_spec import load_search
from fpd_bench.runs.execute.sweep_plan import open_run
from fpd_bench.runs.folder import submissions
from fpd_bench.searching.study_look import look

pytestmark = pytest.mark.slow
FILE = """\
name: queued
seeds: [100, 101]
profiles: {{embedded: [{base}]}}
space:
  start.temperature: tag(log, interval(0.1, 3))
  drift.bandwidths: "subset(0.2, 0.5, 1, 2; min=1, max=3)"
baseline: ["drift.bandwidths=[0.5,1,2]"]
sampler: tpe
trials: 8
parallel: 8
race: {{keep: 4, steps: [10]}}
confirm: {{seeds: [0]}}
"""


class Searched:
    """The tiny search in a folder of its own."""

    def __init__(self, tiny, folder, capsys):
        folder.mkdir(exist_ok=True)
        self.file, self.results, self.out = folder / "queued.yaml", folder / "results", folder / "reports"
        self.file.write_text(FILE.format(base=", ".join(f'"{text}"' for text in tiny.BASE)))
        self._capsys = capsys

    def call(self, *words):
        """(exit code, stdout, stderr) of the command."""
        self._capsys.readouterr()
        code = search.main([str(self.file), *words, "--results", str(self.results), "--out", str(self.out)])
        return code, *self._capsys.readouterr()

    def slurm(self, *words):
        return self.call("executor=slurm", "executor.timeout_min=30", *words)

    def runs(self):
        with look(load_search(self.file), self.results, f"sqlite:///{self.results}/index.sqlite") as seen:
            return [open_run(self.results, run.run_id) for trial in seen.trials for run in trial.runs.values()]

    def told(self):
        with look(load_search(self.file), self.results, f"sqlite:///{self.results}/index.sqlite") as seen:
            values = [[seen.board.values(one, level) for level in seen.board.levels] for one in seen.trials]
            return [one.params for one in seen.trials], values, seen.best and seen.best.number


@pytest.fixture
def searched(tiny, tmp_path, capsys):
    return lambda name: Searched(tiny, tmp_path / name, capsys)


def test_eight_parallel_trials_are_detached_continued_and_end_as_those_made_here(searched, capsys):
    one, here = searched("queued"), searched("here")
    code, _out, err = one.slurm("--detach")
    assert code == 0 and "8 of 8 runs submitted" in err, err
    assert len(one.runs()) == 8
    assert status.main([str(one.file), "--results", str(one.results), "--json"]) == 0
    states = [json.loads(line)["state"] for line in capsys.readouterr().out.splitlines()]
    assert len(states) == 8 and set(states) <= {"queued", "running", "interrupted"}
    code, out, err = one.slurm()
    assert code == 0 and "Verdict: " in out, err
    assert here.call("executor=inline")[0] == 0
    assert one.told() == here.told()


def test_cancel_takes_the_trials_back_from_their_jobs(searched, ask):
    one = searched("queued")
    one.slurm("--detach", "executor.sbatch.hold=true")
    assert "8 runs taken back" in one.call("--cancel")[2]
    assert not any(submissions.read(run) for run in one.runs())


def test_a_node_that_goes_down_costs_no_trial(searched, tiny, ask, node_down, monkeypatch):
    monkeypatch.setenv("TINY_SECONDS", "0.3")
    one, here = searched("queued"), searched("here")
    one.slurm("--detach")
    runs = one.runs()
    tiny.wait_until(lambda: sum(run.claim.exists() for run in runs) >= 2, 600)
    node_down(ask("squeue", "-h", "-t", "R", "-o", "%N").split()[0])
    monkeypatch.setenv("TINY_SECONDS", "0")
    code, _out, err = one.slurm()
    assert code == 0, err
    assert here.call("executor=inline")[0] == 0
    assert one.told() == here.told()
