"""Seeds until decided, through the sweep's own command: what it trains, that a killed one decides the same."""

import json
import os
import signal

import pytest

SWEEP = """\
name: looks
seeds: {{looks: [2, 3]}}
profiles: {{embedded: [{base}]}}
tables:
  - id: a
    grid: [["estimator=soft,ste"], ["method=teacher"]]
    rows:
      - {{id: ste, label: STE, where: {{estimator: ste, method: fpd}}}}
      - {{id: soft, label: Soft, where: {{estimator: soft}}}}
      - {{id: teacher, label: Teacher, where: {{method: teacher}}}}
    claims: [{{better: ste, worse: soft}}]
"""


@pytest.fixture
def file(tiny, tmp_path):
    path = tmp_path / "looks.yaml"
    base = ", ".join(f'"{text}"' for text in tiny.BASE)
    path.write_text(SWEEP.format(base=base))
    return path


def runs(results):
    """List (method, seed) of the runs with a result."""
    found = [json.loads((done.parent / "run.json").read_text()) for done in results.glob("runs/*/DONE")]
    return sorted((one["semantic"]["method"], one["semantic"]["seed"]) for one in found)


@pytest.mark.slow
def test_only_rows_of_open_claims_are_trained_on(file, tiny, tmp_path):
    results = tmp_path / "results"
    code, out, err = tiny.call("sweep", file, "--results", results, "--dry-run")
    assert code == 0 and "Looks at 2, 3 seeds: 6 runs if the first decides every claim, 8 if none does" in out, err
    assert "6 to do; up to 2 more if claims stay open" in err and not results.exists()
    code, _, err = tiny.call("sweep", file, "--results", results, "executor=inline")
    assert code == 0, err
    # After 30 steps nothing can be told apart: the two rows of the claim got the third seed, the teacher did not.
    seeds = [("fpd", seed) for seed in (0, 0, 1, 1, 2, 2)]
    assert runs(results) == [*seeds, ("teacher", 0), ("teacher", 1)]
    code, _, err = tiny.call("sweep", file, "--results", results)
    assert code == 0 and "8 done, 0 to do" in err
    code, _, err = tiny.call("status", file, "--results", results)
    assert code == 0 and "8 runs: 8 done" in err


@pytest.mark.slow
def test_status_leaves_out_what_nobody_has_asked_for(file, tiny, tmp_path):
    (tmp_path / "results").mkdir()
    code, _, err = tiny.call("status", file, "--results", tmp_path / "results")
    assert code == 0 and "6 runs: 0 done, 6 to do" in err


@pytest.mark.slow
def test_a_killed_sweep_goes_on_with_the_same_runs(file, tiny, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert tiny.call("sweep", file, "--results", whole, "executor=inline")[0] == 0
    for enough in (1, 3, 5, 7):
        process = tiny.start("sweep", file, "--results", killed, "executor=inline")
        tiny.wait_until(lambda n=enough, p=process: len(runs(killed)) >= n or p.poll() is not None)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert tiny.call("sweep", file, "--results", killed, "executor=inline")[0] == 0
    assert sorted(p.name for p in whole.glob("runs/*")) == sorted(p.name for p in killed.glob("runs/*"))
    tables = []
    for results in (whole, killed):
        code, _, err = tiny.call("report", file, "--results", results, "--out", results / "out", "--no-figures")
        assert code == 0, err
        tables.append((results / "out" / "looks-a.csv").read_bytes())
    assert tables[0] == tables[1]
