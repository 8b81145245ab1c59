"""The cost benchmark on run directories whose seconds are known."""

import runpy
from pathlib import Path

import pytest

from fpd_bench.config.sweeps.spec import load_sweep
from tests.store.synthetic_runs import write_run

SCRIPT = Path(__file__).parent.parent / "benchmarks/table_cost.py"
SWEEP = """
name: t
seeds: [0, 1]
tables:
  - id: a
    caption: Estimators
    grid: ["estimator=soft,ste"]
    rows:
      - {id: soft, label: Soft, where: {estimator: soft}}
      - {id: ste, label: STE, where: {estimator: ste}}
  - id: b
    caption: The same run again
    grid: ["estimator=ste"]
    rows: [{id: student, label: Student, where: {estimator: ste}}]
"""


@pytest.fixture
def cost(tmp_path):
    """cost(*arguments) -> exit code of the script on a sweep of tmp_path/t.yaml."""
    (tmp_path / "t.yaml").write_text(SWEEP)
    main = runpy.run_path(str(SCRIPT))["main"]
    return lambda *arguments: main([str(tmp_path / "t.yaml"), "--results", str(tmp_path / "results"), *arguments])


def test_a_run_is_counted_in_every_table_and_once_in_the_total(cost, tmp_path, capsys):
    cells = load_sweep(tmp_path / "t.yaml").tables[0].cells
    for cell in cells[:3]:  # the fourth run is missing; each has stages of 10.5 s
        folder = write_run(tmp_path / "results", cell.run_id, cell.config, per_task=1, images=1, size=2, steps=2)
        (folder / "train.jsonl").write_text('{"step": 1, "seconds/draft": 0.25, "seconds/step": 0.5, "loss": 1}\n')
    shared = sum(cell.config.estimator == "ste" for cell in cells[:3])
    assert cost("--workers", "3") == 0
    said = capsys.readouterr().out
    assert "| ta | 3 of 4 | 32 | 32 | 32 | 94 | 0.5 |" in said
    assert f"| tb | {shared} of 2 |" in said
    assert "| all, each run once | 3 of 4 | 32 | 32 | 32 | 94 | 0.5 |" in said
    assert f"| {cells[0].row_id} | {cells[0].seed} | {cells[0].run_id} | 10.5 | 10.5 | 10.5 | 31.5 |" in said
    assert "| ta | ste | 250.0 | 500.0 |" in said


def test_without_runs_it_says_what_to_run_first(cost, capsys):
    assert cost() == 0
    assert "First: python -m fpd_bench.sweep" in capsys.readouterr().out


def test_a_mistake_is_told(cost, capsys):
    assert cost("optim.stepz=3") == 2
    assert "optim.stepz" in capsys.readouterr().err
